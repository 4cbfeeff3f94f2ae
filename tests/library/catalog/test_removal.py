"""What a library is told to forget is gone from every answer, at once, and comes back only by indexing."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

import photoseek
from photoseek import IndexReport, KnownImage, Library, Removed
from photoseek.library.catalog import tables
from photoseek.library.catalog.catalog import Catalog, Counts, ModelRow
from photoseek.library.catalog.changes import Vanished
from photoseek.library.catalog.database import Database
from photoseek.library.clock import utc_now
from photoseek.library.vectors import live_vectors
from photoseek.library.vectors.generations import should_build
from photoseek.tests.support.changes import add, failed
from photoseek.tests.support.fakes import ColourEmbedder, paint


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        paint(tmp_path / "photos" / "sea" / f"{number}.png", (number, 0, 255))
    paint(tmp_path / "photos" / "red.png", "red")
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as opened:
        opened.index(photos)
        yield opened


def rows(database: Database, table: sa.Table) -> int:
    with database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def names(library: Library) -> list[str]:
    return sorted(hit.image.path.name for hit in library.search("blue", k=100))


# Through the API


def test_what_is_below_a_folder_is_forgotten_and_its_files_stay(library: Library, photos: Path) -> None:
    assert library.remove(photos / "sea").images == 6
    assert names(library) == ["red.png"]
    assert len(list((photos / "sea").iterdir())) == 6
    assert library.index(photos) == IndexReport(new=6, unchanged=1, embedded=6)


def test_one_file_and_its_like_named_neighbours(library: Library, photos: Path) -> None:
    paint(photos / "sea 2" / "a.png", "green")
    library.index(photos)
    assert library.remove([photos / "sea" / "1.png", photos / "sea"]).images == 6
    assert names(library) == ["a.png", "red.png"]


def test_a_vanished_file_and_a_recorded_failure_can_be_removed(library: Library, photos: Path) -> None:
    (photos / "red.png").unlink()
    (photos / "bad.png").write_bytes(b"")
    library.index(photos)
    assert library.remove([photos / "red.png", photos / "bad.png"]) == Removed(1, 1)
    assert (library.info().missing, library.failures()) == (0, [])


def test_an_image_can_be_removed_by_its_id(library: Library, photos: Path) -> None:
    [red] = library.search("red", k=1)
    with pytest.raises(photoseek.QueryError, match="no image of the library has the id 99"):
        library.remove([photos / "sea", KnownImage(99)])
    assert library.remove(KnownImage(red.image.id)) == Removed(1, 0)
    assert library.remove([photos / "sea"]) == Removed(6, 0)


def test_an_unknown_path_removes_nothing_at_all(library: Library, photos: Path) -> None:
    with pytest.raises(photoseek.NotIndexed) as caught:
        library.remove([photos / "sea", photos / "se"])
    assert (
        str(caught.value)
        == f"{photos / 'se'}: the library knows nothing at or below this path, and nothing was removed"
    )
    assert len(names(library)) == 7


def test_an_older_generation_answers_without_what_was_removed(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_vectors, "should_build", lambda _total, newer: newer > 0)
    library.index(photos)
    monkeypatch.setattr(live_vectors, "should_build", should_build)
    assert len(names(library)) == 7
    library.remove(photos / "sea")
    assert names(library) == ["red.png"]
    with photoseek.open(library.folder, model=ColourEmbedder()) as other:
        assert names(other) == ["red.png"]
    assert rows(library._handle.store.database, tables.deletions) == 6


def test_deletions_are_forgotten_when_a_generation_was_built_past_them(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_vectors, "should_build", partial(should_build, floor=0, share=0.5))
    library.remove(photos / "sea")
    library.prune()
    assert rows(library._handle.store.database, tables.deletions) == 0
    assert names(library) == ["red.png"]


def test_while_a_model_has_no_generation_deletions_are_kept(library: Library, photos: Path) -> None:
    library.remove(photos / "red.png")
    library.prune()
    assert rows(library._handle.store.database, tables.deletions) == 1


def test_prune_forgets_what_is_missing_and_nothing_else(library: Library, photos: Path) -> None:
    (photos / "red.png").unlink()
    library.index(photos)
    assert library.prune(missing_for_days=1) == Removed(0, 0)
    assert library.prune() == Removed(1, 0)
    assert library.prune() == Removed(0, 0)
    assert (library.info().images, library.info().missing) == (6, 0)


def test_prune_removes_vector_files_of_no_model_and_leaves_other_folders(library: Library) -> None:
    orphan, other = library.folder / "vectors" / f"gone-{'0' * 16}", library.folder / "vectors" / "mine"
    for folder in (orphan, other):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x")
    library.prune()
    assert (orphan.exists(), other.exists()) == (False, True)


@pytest.mark.parametrize("days", [-1.0, float("nan"), float("inf")])
def test_a_number_of_days_that_is_none_is_an_error(library: Library, days: float) -> None:
    with pytest.raises(photoseek.QueryError):
        library.prune(missing_for_days=days)


# In each database


def test_a_deletion_is_told_in_the_transaction_that_deletes(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    ids = add(catalog, model, "/photos/a/1.png", "/photos/a/2.png", "/photos/b.png")
    catalog.apply([failed("/photos/a/3.png"), failed("/photos/c.png")], model.id)
    before = catalog.meta().change_seq
    assert catalog.remove(["/photos/a"]).images == 2
    assert catalog.meta().change_seq == before + 1
    assert catalog.counts() == Counts(images=1, missing=0, failures=1)
    changes = catalog.vector_changes(model.id, model.dim, before)
    assert (changes.touched.tolist(), changes.ids.tolist()) == (sorted(ids[:2]), [])
    assert rows(database, tables.embeddings) == 1


def test_only_what_has_been_missing_long_enough_is_pruned(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    old, young, _there = add(catalog, model, "/photos/old.png", "/photos/young.png", "/photos/there.png")
    catalog.apply([Vanished(old), Vanished(young)], model.id)
    with database.writing() as (connection, _):
        long_ago = sa.update(tables.images).where(tables.images.c.id == old)
        connection.execute(long_ago.values(missing_since=utc_now() - timedelta(days=10)))
    assert catalog.prune(utc_now() - timedelta(days=9)).images == 1
    assert catalog.counts() == Counts(images=1, missing=1, failures=0)
    assert catalog.prune(utc_now()).images == 1


def test_judgements_of_pictures_that_no_image_shows_are_pruned(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    add(catalog, model, "/photos/a.png")
    [shown] = [row.content_hash for row in catalog.planning.known_files("/photos", model.id)]
    with database.writing() as (connection, _):
        for content_hash in (shown, "0" * 40):
            values = {"content_hash": content_hash, "judge": "j", "prompt_version": "1", "question": "q"}
            connection.execute(sa.insert(tables.judgements).values(**values, judged_at=utc_now()))
    catalog.prune(utc_now())
    with database.reading() as connection:
        assert connection.execute(sa.select(tables.judgements.c.content_hash)).scalars().all() == [shown]


def test_deletions_are_kept_until_the_slowest_model_has_been_built_past_them(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    other = catalog.ensure_model(ColourEmbedder("other@1").spec)
    add(catalog, model, "/photos/a.png", "/photos/b.png")
    catalog.record_generation(model.id, 1, 2, catalog.meta().change_seq)
    catalog.record_generation(other.id, 1, 0, catalog.meta().change_seq)
    catalog.remove(["/photos/a.png"])
    first = catalog.meta().change_seq
    catalog.remove(["/photos/b.png"])
    catalog.record_generation(model.id, 2, 0, catalog.meta().change_seq)
    catalog.forget_deletions()
    assert rows(database, tables.deletions) == 2
    catalog.record_generation(other.id, 2, 0, first)
    catalog.forget_deletions()
    assert rows(database, tables.deletions) == 1


def test_a_model_without_a_generation_keeps_deletions_though_another_has_one(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    other = catalog.ensure_model(ColourEmbedder("other@1").spec)
    add(catalog, model, "/photos/a.png")
    catalog.remove(["/photos/a.png"])
    catalog.record_generation(model.id, 1, 0, catalog.meta().change_seq)
    catalog.forget_deletions()
    assert rows(database, tables.deletions) == 1
    catalog.record_generation(other.id, 1, 0, catalog.meta().change_seq)
    catalog.forget_deletions()
    assert rows(database, tables.deletions) == 0


def test_an_archive_is_removed_by_its_own_path_or_with_its_folder(library: Library, photos: Path) -> None:
    with zipfile.ZipFile(photos / "scans.zip", "w") as archive:
        archive.write(photos / "red.png", "a/rose.png")
    assert library.index(photos).new == 1
    assert library.remove(photos / "scans.zip").images == 1
    assert library.index(photos).new == 1
    assert library.remove(photos).images == 8
    assert rows(library._handle.store.database, tables.archives) == 0
