"""The catalogue's vectors: stored as float16, read whole, by change and by chunk; on both databases."""

from __future__ import annotations

import numpy as np
import pytest

from photoseek.library.catalog import catalog as catalog_module
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import Vanished
from photoseek.library.catalog.vector_codec import pack_vector, split_rows, unpack_vectors
from photoseek.library.embedders.base import normalized
from photoseek.library.types import Vectors
from photoseek.tests.support.changes import BLUE, GREEN, RED, add, indexed, relocated, vector
from photoseek.tests.support.fakes import ColourEmbedder

OTHER = ColourEmbedder("other@1").spec


def chunks(catalog: Catalog, model: ModelRow) -> list[list[int]]:
    return [ids.tolist() for ids, _ in catalog.vector_chunks(model.id, model.dim)]


def test_a_vector_is_stored_as_little_endian_float16() -> None:
    assert pack_vector(vector([1.0, -2.0, 0.5])) == bytes.fromhex("003c00c00038")


def test_vectors_come_back_to_the_nearest_float16() -> None:
    rng = np.random.default_rng(3)
    some: Vectors = normalized(rng.standard_normal((20, 512)).astype(np.float32))
    back = unpack_vectors([pack_vector(row) for row in some])
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, some.astype(np.float16).astype(np.float32))
    assert (np.einsum("ij,ij->i", back, some) > 0.9999).all()


def test_no_rows_are_no_vectors_of_the_right_shape() -> None:
    ids, vectors = split_rows([], 7)
    assert (ids.shape, vectors.shape) == ((0,), (0, 7))
    assert ids.dtype == np.int64
    assert vectors.dtype == np.float32


def test_a_vector_survives_the_database(catalog: Catalog, model: ModelRow) -> None:
    numbers = (0.8, -0.6, 2**-14)
    catalog.apply([indexed("/photos/a.png", numbers)], model.id)
    changes = catalog.vector_changes(model.id, 3, 0)
    np.testing.assert_array_equal(changes.vectors, np.array([numbers], dtype=np.float16).astype(np.float32))


def test_an_empty_catalogue_has_no_vectors(catalog: Catalog, model: ModelRow) -> None:
    changes = catalog.vector_changes(model.id, 3, 0)
    assert (changes.touched.shape, changes.ids.shape, changes.vectors.shape) == ((0,), (0,), (0, 3))
    assert chunks(catalog, model) == []
    assert catalog.count_vectors(model.id) == 0


def test_changes_after_a_moment_are_what_was_added_changed_vanished_or_came_back(
    catalog: Catalog, model: ModelRow
) -> None:
    same, changed, gone, back = add(catalog, model, *(f"/photos/{name}.png" for name in "abcd"))
    catalog.apply([Vanished(back)], model.id)
    seen_seq = catalog.meta().change_seq
    catalog.apply([indexed("/photos/e.png", GREEN), Vanished(gone), relocated(back, "/photos/d.png")], model.id)
    catalog.apply([indexed("/photos/b.png", BLUE, known=changed, content="new", content_changed=True)], model.id)
    new = max(catalog.vector_changes(model.id, 3, 0).ids.tolist())

    changes = catalog.vector_changes(model.id, 3, seen_seq)
    assert changes.touched.tolist() == [changed, gone, back, new]
    stored = dict(zip(changes.ids.tolist(), changes.vectors.tolist(), strict=True))
    assert stored == {changed: list(BLUE), back: list(RED), new: list(GREEN)}
    everything = catalog.vector_changes(model.id, 3, 0)
    assert sorted(everything.ids.tolist()) == [same, changed, back, new]
    nothing = catalog.vector_changes(model.id, 3, catalog.meta().change_seq)
    assert (nothing.touched.tolist(), nothing.ids.tolist(), nothing.vectors.shape) == ([], [], (0, 3))


def test_renaming_or_touching_a_file_changes_no_vector(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    seen_seq = catalog.meta().change_seq
    catalog.apply([relocated(image_id, "/photos/b.png", mtime_ns=9)], model.id)
    assert catalog.vector_changes(model.id, 3, seen_seq).touched.tolist() == []
    assert catalog.count_vectors(model.id, seen_seq) == 0


def test_each_model_sees_its_own_vectors_alone(catalog: Catalog, model: ModelRow) -> None:
    first, second = add(catalog, model, "/photos/a.png", "/photos/b.png")
    other = catalog.ensure_model(OTHER)
    catalog.apply([indexed("/photos/b.png", GREEN, known=second)], other.id)
    assert catalog.count_vectors(model.id) == 2
    assert catalog.count_vectors(other.id) == 1
    assert chunks(catalog, other) == [[second]]
    assert sorted(catalog.vector_changes(model.id, 3, 0).ids.tolist()) == [first, second]


@pytest.mark.parametrize("page_rows", [1, 2, 3, 5, 100])
def test_chunks_hold_every_present_vector_once_in_the_order_of_ids(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    monkeypatch.setattr(catalog_module, "PAGE_ROWS", page_rows)
    ids = add(catalog, model, *(f"/photos/{number}.png" for number in range(6)))
    catalog.apply([Vanished(ids[2])], model.id)
    present = [image_id for image_id in ids if image_id != ids[2]]
    pieces = chunks(catalog, model)
    assert [image_id for piece in pieces for image_id in piece] == sorted(present)
    assert max(map(len, pieces)) == min(page_rows, 5)


def test_counts_chunks_and_changes_agree(catalog: Catalog, model: ModelRow) -> None:
    """Whatever happened, the three ways to read vectors see the same images."""
    rng = np.random.default_rng(11)
    ids = add(catalog, model, *(f"/photos/{number}.png" for number in range(12)))
    for _ in range(20):
        before = catalog.meta().change_seq
        image_id = int(rng.choice(ids))
        path = f"/photos/{ids.index(image_id)}.png"
        if rng.random() < 0.5:
            catalog.apply([Vanished(image_id)], model.id)
        else:
            catalog.apply([relocated(image_id, path)], model.id)
        everything = sorted(catalog.vector_changes(model.id, 3, 0).ids.tolist())
        assert [image_id for piece in chunks(catalog, model) for image_id in piece] == everything
        assert catalog.count_vectors(model.id) == len(everything)
        changes = catalog.vector_changes(model.id, 3, before)
        assert catalog.count_vectors(model.id, before) == len(changes.ids)
        assert set(changes.ids.tolist()) == set(changes.touched.tolist()) & set(everything)


def test_the_last_generation_alone_is_on_record(catalog: Catalog, model: ModelRow) -> None:
    other = catalog.ensure_model(OTHER)
    assert catalog.generation_number(model.id) == 0
    catalog.record_generation(model.id, 1, 10, 3)
    catalog.record_generation(model.id, 2, 20, 5)
    assert (catalog.generation_number(model.id), catalog.generation_number(other.id)) == (2, 0)
    catalog.record_generation(model.id, 1, 20, 6)  # numbered afresh after the files were lost
    assert catalog.generation_number(model.id) == 1
