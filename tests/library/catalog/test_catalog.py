"""The catalogue in SQL: what a batch writes, whole or not at all, and how it is read back; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from photoseek.library.catalog import tables, vector_codec
from photoseek.library.catalog.catalog import Catalog, Counts, ModelRow
from photoseek.library.catalog.changes import Change, FailureGone, ImageFacts, Indexed, KnownFile, Vanished
from photoseek.library.catalog.conditions import Compared, Order
from photoseek.library.catalog.database import Database
from photoseek.library.errors import CatalogUnavailable
from photoseek.library.types import ImageRecord
from photoseek.tests.support.changes import BLUE, GREEN, RED, add, facts, failed, file, indexed, relocated, vector
from photoseek.tests.support.fakes import ColourEmbedder

OTHER = ColourEmbedder("other@1").spec


def paths(catalog: Catalog, root: str, model: ModelRow) -> list[str]:
    return [known.path for known in catalog.planning.known_files(root, model.id)]


def image_seq(database: Database, image_id: int) -> int:
    """The change_seq of an image's row."""
    columns = tables.images.c
    with database.reading() as connection:
        return int(connection.execute(sa.select(columns.change_seq).where(columns.id == image_id)).scalar_one())


def models_with_a_vector(database: Database, image_id: int) -> set[int]:
    columns = tables.embeddings.c
    with database.reading() as connection:
        return set(connection.execute(sa.select(columns.model_id).where(columns.image_id == image_id)).scalars())


# Models and change_seq


def test_a_model_is_added_once_and_models_come_oldest_first(catalog: Catalog) -> None:
    first, second = catalog.ensure_model(ColourEmbedder().spec), catalog.ensure_model(OTHER)
    seq = catalog.meta().change_seq
    assert catalog.ensure_model(ColourEmbedder().spec) == first
    assert catalog.meta().change_seq == seq
    assert catalog.models() == [first, second]
    assert (first.key, first.name, first.dim) == ("colours@1", "colours", 3)


def test_change_seq_grows_by_one_in_each_writing_transaction(catalog: Catalog, model: ModelRow) -> None:
    start = catalog.meta().change_seq
    catalog.apply([indexed("/photos/a.png"), indexed("/photos/b.png"), failed("/photos/c.png")], model.id)
    assert catalog.meta().change_seq == start + 1
    catalog.record_generation(model.id, 1, 2, start + 1)
    assert catalog.meta().change_seq == start + 2


def test_rows_carry_the_change_seq_of_their_transaction(database: Database, catalog: Catalog, model: ModelRow) -> None:
    first, second = add(catalog, model, "/photos/a.png", "/photos/b.png")
    assert image_seq(database, first) == image_seq(database, second) == catalog.meta().change_seq


# Indexed


def test_a_new_picture_is_read_back_whole(catalog: Catalog, model: ModelRow) -> None:
    taken_at = datetime(2023, 5, 6, 7, 8, 9)
    seen = ImageFacts("ab" * 20, 4032, 3024, "JPEG", 6, taken_at, "Fuji X-T5", 59.91273, -10.74609)
    state = file("/photos/Zoë 1.jpg", size_bytes=3_000_000_000, mtime_ns=1_700_000_000_123_456_789)
    catalog.apply([Indexed(state, seen, vector(RED), None, content_changed=False)], model.id)
    [known] = catalog.planning.known_files("/photos", model.id)
    assert known == KnownFile(known.image_id, state.path, state.size_bytes, state.mtime_ns, "ab" * 20, False, True)
    assert catalog.images([known.image_id]) == {
        known.image_id: ImageRecord(
            known.image_id,
            Path("/photos/Zoë 1.jpg"),
            3_000_000_000,
            1_700_000_000_123_456_789,
            "ab" * 20,
            4032,
            3024,
            "JPEG",
            6,
            taken_at,
            "Fuji X-T5",
            59.91273,
            -10.74609,
        )
    }


def test_changed_content_keeps_the_id_and_drops_the_vectors_of_other_models(
    database: Database, catalog: Catalog, model: ModelRow
) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    other = catalog.ensure_model(OTHER)
    catalog.apply([indexed("/photos/a.png", known=image_id)], other.id)
    assert models_with_a_vector(database, image_id) == {model.id, other.id}
    seen_seq = catalog.meta().change_seq

    change = indexed("/photos/a.png", BLUE, known=image_id, content="another picture", content_changed=True)
    catalog.apply([change], model.id)
    assert models_with_a_vector(database, image_id) == {model.id}
    assert catalog.images([image_id])[image_id].content_hash == change.facts.content_hash
    # The other model's readers must learn that their vector is gone.
    assert catalog.vector_changes(other.id, 3, seen_seq).touched.tolist() == [image_id]
    assert catalog.vector_changes(other.id, 3, seen_seq).ids.tolist() == []
    [known] = catalog.planning.known_files("/photos", other.id)
    assert not known.embedded


def test_same_content_for_another_model_leaves_the_first_models_vector(
    database: Database, catalog: Catalog, model: ModelRow
) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    other = catalog.ensure_model(OTHER)
    seq = image_seq(database, image_id)
    catalog.apply([indexed("/photos/a.png", GREEN, known=image_id)], other.id)
    assert models_with_a_vector(database, image_id) == {model.id, other.id}
    assert image_seq(database, image_id) == seq
    assert catalog.vector_changes(model.id, 3, 0).vectors.tolist() == [list(RED)]
    assert catalog.vector_changes(other.id, 3, 0).vectors.tolist() == [list(GREEN)]


def test_a_missing_picture_indexed_for_another_model_comes_back_for_the_first_one_too(
    catalog: Catalog, model: ModelRow
) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([Vanished(image_id)], model.id)
    other = catalog.ensure_model(OTHER)
    seen_seq = catalog.meta().change_seq
    catalog.apply([indexed("/photos/a.png", known=image_id)], other.id)
    assert catalog.vector_changes(model.id, 3, seen_seq).ids.tolist() == [image_id]


def test_embedding_again_replaces_the_vector(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([indexed("/photos/a.png", BLUE, known=image_id)], model.id)
    assert catalog.vector_changes(model.id, 3, 0).vectors.tolist() == [list(BLUE)]


def test_ids_are_never_used_twice(database: Database, catalog: Catalog, model: ModelRow) -> None:
    ids = add(catalog, model, "/photos/a.png", "/photos/b.png")
    with database.writing() as (connection, _):
        connection.execute(sa.delete(tables.images))
    [later] = add(catalog, model, "/photos/c.png")
    assert later > max(ids)


def test_a_removed_picture_takes_its_vectors_with_it(database: Database, catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    with database.writing() as (connection, _):
        connection.execute(sa.delete(tables.images).where(tables.images.c.id == image_id))
    assert models_with_a_vector(database, image_id) == set()


# All or nothing


def test_a_batch_that_breaks_in_the_middle_leaves_nothing(catalog: Catalog, model: ModelRow) -> None:
    [kept] = add(catalog, model, "/photos/kept.png")
    catalog.apply([failed("/photos/bad.png")], model.id)
    before = catalog.meta(), catalog.counts(), catalog.failures(), paths(catalog, "/", model)
    impossible = indexed("/photos/kept.png")  # a second row for one path
    batch: list[Change] = [Vanished(kept), indexed("/photos/new.png"), impossible, FailureGone("/photos/bad.png")]
    with pytest.raises(CatalogUnavailable):
        catalog.apply(batch, model.id)
    assert (catalog.meta(), catalog.counts(), catalog.failures(), paths(catalog, "/", model)) == before


def test_an_error_outside_the_database_leaves_nothing_either(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_changes: object) -> None:
        raise KeyboardInterrupt

    before = catalog.meta(), catalog.counts()
    monkeypatch.setattr("photoseek.library.catalog.writing._write_failed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        catalog.apply([indexed("/photos/new.png"), failed("/photos/bad.png")], model.id)
    assert (catalog.meta(), catalog.counts()) == before


# Vanished, moved, back


def test_a_vanished_picture_is_kept_out_of_answers_and_counted_as_missing(catalog: Catalog, model: ModelRow) -> None:
    gone, there = add(catalog, model, "/photos/a.png", "/photos/b.png")
    catalog.apply([Vanished(gone)], model.id)
    assert set(catalog.images([gone, there])) == {there}
    assert catalog.counts() == Counts(images=1, missing=1, failures=0)
    assert [known.missing for known in catalog.planning.known_files("/photos", model.id)] == [True, False]


def test_a_picture_that_returns_is_answered_again_with_its_old_vector(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([Vanished(image_id)], model.id)
    seen_seq = catalog.meta().change_seq
    catalog.apply([relocated(image_id, "/photos/a.png")], model.id)
    assert set(catalog.images([image_id])) == {image_id}
    changes = catalog.vector_changes(model.id, 3, seen_seq)
    assert (changes.ids.tolist(), changes.vectors.tolist()) == ([image_id], [list(RED)])


def test_vanished_and_relocated_in_one_batch_ends_present_in_any_order(catalog: Catalog, model: ModelRow) -> None:
    first, second = add(catalog, model, "/photos/a.png", "/photos/b.png")
    moves = [relocated(first, "/photos/new-a.png"), relocated(second, "/photos/new-b.png")]
    catalog.apply([Vanished(first), *moves, Vanished(second)], model.id)
    assert paths(catalog, "/photos", model) == ["/photos/new-a.png", "/photos/new-b.png"]
    assert catalog.counts() == Counts(images=2, missing=0, failures=0)


def test_relocating_a_picture_that_is_there_keeps_its_change_seq(
    database: Database, catalog: Catalog, model: ModelRow
) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    seq = image_seq(database, image_id)
    catalog.apply([relocated(image_id, "/elsewhere/b.png", mtime_ns=7)], model.id)
    assert image_seq(database, image_id) == seq
    [known] = catalog.planning.known_files("/elsewhere", model.id)
    assert (known.path, known.mtime_ns, known.missing) == ("/elsewhere/b.png", 7, False)


# Lists longer than one statement may carry


def test_lists_longer_than_one_statement_carries_are_complete(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_codec, "_MAX_LIST", 3)
    seen_seq = catalog.meta().change_seq
    names = [f"/photos/{number}.png" for number in range(8)]
    ids = add(catalog, model, *names)
    assert sorted(catalog.images(ids)) == sorted(ids)
    assert sorted(catalog.vector_changes(model.id, 3, seen_seq).ids.tolist()) == sorted(ids)
    assert catalog.planning.known_sizes([1, 2, 3, 4, 100]) == {100}
    catalog.apply([failed(name) for name in names], model.id)
    catalog.apply([failed(name) for name in names], model.id)
    assert [row.tries for row in catalog.failures()] == [2] * 8
    catalog.apply([relocated(image_id, name) for image_id, name in zip(ids, names, strict=True)], model.id)
    assert catalog.failures() == []
    catalog.apply([Vanished(image_id) for image_id in ids], model.id)
    assert catalog.counts().missing == 8


def test_a_list_of_the_real_length_limit_and_more_is_taken(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    assert set(catalog.images(range(2 * vector_codec._MAX_LIST + 1))) == {image_id}
    assert catalog.planning.known_sizes(range(7 * vector_codec._MAX_LIST)) == {100}


def test_a_large_batch_is_written_in_the_order_of_its_vectors(catalog: Catalog, model: ModelRow) -> None:
    """Drivers may return the ids of many new rows in any order: each must get its own vector."""
    rng = np.random.default_rng(0)
    some = rng.standard_normal((2_500, 3)).astype(np.float16).astype(np.float32)
    catalog.apply(
        [indexed(f"/photos/{number:04}.png", list(map(float, row))) for number, row in enumerate(some)], model.id
    )
    order = [known.image_id for known in catalog.planning.known_files("/photos", model.id)]
    changes = catalog.vector_changes(model.id, 3, 0)
    stored = dict(zip(changes.ids.tolist(), changes.vectors, strict=True))
    np.testing.assert_array_equal(np.array([stored[image_id] for image_id in order]), some)


# Odd values


def test_facts_that_are_absent_stay_absent(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    record = catalog.images([image_id])[image_id]
    assert (record.taken_at, record.camera, record.latitude, record.longitude) == (None, None, None, None)


def test_some_facts_present_and_some_absent_in_one_batch_do_not_mix(catalog: Catalog, model: ModelRow) -> None:
    with_camera = replace(facts("aa"), camera="Leica")
    batch = [
        Indexed(file("/photos/a.png"), facts("bb"), vector(RED), None, content_changed=False),
        Indexed(file("/photos/b.png"), with_camera, vector(RED), None, content_changed=False),
    ]
    catalog.apply(batch, model.id)
    ids = [known.image_id for known in catalog.planning.known_files("/photos", model.id)]
    assert [catalog.images(ids)[image_id].camera for image_id in ids] == [None, "Leica"]


def test_the_ids_of_a_filter_are_all_or_those_among_some(catalog: Catalog, model: ModelRow) -> None:
    changes = [indexed(f"/photos/{number:04}.png", size_bytes=number) for number in range(1, 41)]
    catalog.apply(changes, model.id)
    small = Compared("size_bytes", Order.AT_MOST, 12)
    ids = catalog.matching_ids(small)
    assert ids.dtype == np.int64
    assert ids.tolist() == sorted(ids.tolist())
    assert {record.size_bytes for record in catalog.images(ids.tolist()).values()} == set(range(1, 13))
    catalog.apply([Vanished(int(ids[0]))], model.id)
    everyone = [known.image_id for known in catalog.planning.known_files("/", model.id)]
    assert catalog.matching_ids(small).tolist() == ids[1:].tolist()
    assert sorted(catalog.matching_among(everyone, small)) == ids[1:].tolist()
    assert catalog.matching_among(ids[:3].tolist(), small) == ids[1:3].tolist()
    nothing = Compared("size_bytes", Order.AT_LEAST, 1_000)
    assert catalog.matching_ids(nothing).tolist() == catalog.matching_among(everyone, nothing) == []


def test_perceptual_hashes_come_with_the_ids_of_images_that_are_there(catalog: Catalog, model: ModelRow) -> None:
    hashes = {1: 2**63 - 1, 2: -(2**63), 3: None, 4: -1}
    changes = [
        replace(change, facts=replace(change.facts, perceptual_hash=hashes[number]))
        for number, change in enumerate([indexed(f"/photos/{number}.png") for number in hashes], start=1)
    ]
    catalog.apply(changes, model.id)
    ids = {known.path[-5]: known.image_id for known in catalog.planning.known_files("/", model.id)}
    catalog.apply([Vanished(ids["4"])], model.id)
    found, values = catalog.copies.perceptual_hashes()
    assert found.tolist() == [ids["1"], ids["2"]]
    assert values.tolist() == [2**63 - 1, 2**63]
