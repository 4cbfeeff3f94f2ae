"""A library that is opened read-only is not written, whatever is asked of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import photoseek
from photoseek import CaptionStyle, Library, LibraryNotFound, LibraryReadOnly, Query, parse_terms
from photoseek.library.catalog.database import Database
from photoseek.library.errors import CatalogUnavailable
from photoseek.library.settings import Settings
from photoseek.library.store import Store
from photoseek.tests.support import page_walk
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge
from photoseek.tests.support.untouched import cache, labelled, pages, state_of
from photoseek.tests.support.wards import Ward, quiet, sqlite_ward, ward

__all__ = ["cache", "labelled", "pages", "quiet", "sqlite_ward", "ward"]


def opened(ward: Ward, judge: ColourJudge | None = None) -> Library:
    return photoseek.open(ward.folder, model=ColourEmbedder(), judge=judge, read_only=True)


# Opened read-only


def test_whatever_is_asked_nothing_is_written(ward: Ward, cache: Path, labelled: Path, tmp_path: Path) -> None:
    before, red = state_of(ward.folder, ward.url), ward.photos / "red.png"
    with opened(ward, ColourJudge()) as library:
        assert library.is_read_only
        [best, *_] = library.search("red")
        assert best.image.path == red
        assert library.search(Query(parse_terms("red"), threshold="auto"))
        assert len(library.search_many(["red", "blue"])) == 2
        assert [*library.refine("red", depth=4)][-1].judged_count == 4
        assert library.ask(best.image.id, "What is it?") == "What is it? It is red."
        assert library.caption_of(red, CaptionStyle()).startswith("something red")
        assert library.evaluate(labelled).images == 4
        assert library.describe(red, k=3)
        assert library.labels(best.image.id)
        assert library.classify(red, ["red", "blue"])
        assert library.texts.search(red) == []
        assert library.fold(library.search("red"))
        assert library.duplicates() is not None
        assert len(library.map().ids) == 4
        assert library.export_npy(tmp_path / "export") == 4
        assert library.info().images == library.count() == 4
        assert library.doctor() == []
        assert (library.failures(), library.failed_roots(), library.damages()) == ([], [], [])
        assert library.facets().roots
    assert state_of(ward.folder, ward.url) == before


def test_what_keeps_a_library_is_refused_in_one_line(ward: Ward, labelled: Path) -> None:
    before = state_of(ward.folder, ward.url)
    paint(ward.photos / "new.png", "red")
    judge = ColourJudge()
    with opened(ward, judge) as library:
        for verb in (
            lambda: library.index(ward.photos),
            lambda: library.watch(ward.photos),
            lambda: library.remove(ward.photos / "red.png"),
            library.prune,
            lambda: library.doctor(repair=True),
            library.caption,
            lambda: library.tune(labelled),
        ):
            with pytest.raises(LibraryReadOnly) as refused:
                verb()
            assert str(refused.value).startswith(f"{ward.folder} was opened read-only")
            assert "\n" not in str(refused.value)
    assert judge.sizes == [], "nobody is asked for what cannot be kept"
    assert state_of(ward.folder, ward.url) == before


def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "red.png", "red")
    with photoseek.open(tmp_path / "none", model=ColourEmbedder(), read_only=True) as library:
        with pytest.raises(LibraryReadOnly):
            library.index(tmp_path / "photos")
        with pytest.raises(LibraryNotFound):
            library.search("red")
    assert not (tmp_path / "none").exists()


def test_what_was_answered_before_is_known_and_what_is_answered_now_is_forgotten(ward: Ward) -> None:
    first = ColourJudge()
    with photoseek.open(ward.folder, model=ColourEmbedder(), judge=first) as library:
        library.ask(ward.photos / "red.png", "What is it?")
    later = ColourJudge()
    with opened(ward, later) as library:
        assert library.ask(ward.photos / "red.png", "What is it?") == "What is it? It is red."
        assert later.sizes == []
        for _ in range(2):
            library.ask(ward.photos / "red.png", "And now?")
        assert later.sizes == [1, 1]


def test_the_database_itself_refuses(ward: Ward) -> None:
    """Also what goes round our own guards."""
    sqlite = ward.url.get_backend_name() == "sqlite"
    settings = Settings(ward.folder, catalog=None if sqlite else ward.url.render_as_string(hide_password=False))
    store = Store.open(Settings(settings.folder, catalog=settings.catalog, read_only=True))
    before = state_of(ward.folder, ward.url)
    for guarded in (store.database.writing, store.database.noting):
        with pytest.raises(LibraryReadOnly), guarded():
            pass
    for refused in (
        store.database.create,
        lambda: store.writing("index"),
        lambda: Store.open_or_create(store.settings),
    ):
        with pytest.raises(LibraryReadOnly):
            refused()
    with pytest.raises(CatalogUnavailable, match="it is read-only"), store.database.reading() as connection:
        connection.exec_driver_sql("DELETE FROM images")
    store.close()
    assert state_of(ward.folder, ward.url) == before


def test_a_stale_name_on_the_lock_is_told_of_and_left(ward: Ward) -> None:
    (ward.folder / "writer.owner").write_text("`photoseek index` (process 1 on elsewhere)")
    (ward.folder / "writer.lock").unlink(missing_ok=True)
    before = state_of(ward.folder, ward.url)
    with opened(ward) as library:
        assert [finding.check for finding in library.doctor()] == ["lock"]
    assert state_of(ward.folder, ward.url) == before


def test_a_lost_vector_file_is_not_built_again(ward: Ward) -> None:
    ward.vector_file().unlink()
    before = state_of(ward.folder, ward.url)
    with opened(ward) as library:
        assert library.search("blue")[0].image.path == ward.photos / "blue.png"
    assert state_of(ward.folder, ward.url) == before


def test_what_is_learned_of_it_is_kept_in_the_users_cache(ward: Ward, cache: Path) -> None:
    with opened(ward) as library:
        drawn = library.map()
        library.search(Query(parse_terms("red"), threshold="auto"))
    kept = sorted(path.parent.name for path in cache.rglob("*.npz"))
    assert kept == ["calibration", "maps"]
    assert not (ward.folder / "maps").exists()
    with opened(ward) as library:
        assert library.map().places.tolist() == drawn.places.tolist()
    assert sorted(path.parent.name for path in cache.rglob("*.npz")) == kept


def test_what_was_learned_in_its_own_folder_is_used(ward: Ward, cache: Path) -> None:
    with ward.library() as library:
        library.map()
        library.search(Query(parse_terms("red"), threshold="auto"))
    with opened(ward) as library:
        library.map()
        library.search(Query(parse_terms("red"), threshold="auto"))
    assert list(cache.glob("libraries/**/*.npz")) == []


# Beside others who write


def test_what_another_writes_meanwhile_is_found(ward: Ward) -> None:
    with opened(ward) as reader, ward.library() as writer:
        assert len(reader.search("red", k=9)) == 4
        for number in range(3):
            paint(ward.photos / f"more{number}.png", (250, number, 0))
            writer.index(ward.photos)
            assert len(reader.search("red", k=9)) == 5 + number
        writer.remove(ward.photos / "more0.png")
        assert len(reader.search("red", k=9)) == 6
    with opened(ward) as reader:
        assert len(reader.search("red", k=9)) == 6


_DIE_WHILE_WRITING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE images SET camera = 'X100V'")
connection.commit()
os._exit(9)
"""


@pytest.fixture
def left_in_the_log(sqlite_ward: Ward) -> Path:
    """The catalogue of a library whose last changes a killed writer left in SQLite's log."""
    file = sqlite_ward.folder / "catalog.sqlite"
    subprocess.run([sys.executable, "-c", _DIE_WHILE_WRITING, str(file)], check=False)
    assert file.with_name("catalog.sqlite-wal").stat().st_size > 0
    return file


def test_what_a_killed_writer_left_in_the_log_is_read(sqlite_ward: Ward, left_in_the_log: Path) -> None:
    before = state_of(sqlite_ward.folder)
    with opened(sqlite_ward) as library:
        assert [camera.value for camera in library.facets().cameras] == ["X100V"]
    assert state_of(sqlite_ward.folder) == before


def test_a_log_that_cannot_be_read_is_said_and_not_passed_over(sqlite_ward: Ward, left_in_the_log: Path) -> None:
    left_in_the_log.with_name("catalog.sqlite-shm").unlink()
    before = state_of(sqlite_ward.folder)
    with opened(sqlite_ward) as library, pytest.raises(CatalogUnavailable, match=r"ending in -wal.*may be written"):
        library.facets()
    assert state_of(sqlite_ward.folder) == before
    with sqlite_ward.library() as library:
        assert [camera.value for camera in library.facets().cameras] == ["X100V"]


def test_a_reading_that_was_written_over_is_refused(sqlite_ward: Ward) -> None:
    """What is read without locks may be of several moments: rather no answer than a wrong one."""
    file = sqlite_ward.folder / "catalog.sqlite"
    database = Database.in_file(file, read_only=True)
    with pytest.raises(CatalogUnavailable, match="try again"), database.reading():
        sqlite_ward.sql("UPDATE images SET camera = 'X100V'")
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT DISTINCT camera FROM images").scalar_one() == "X100V"
    database.close()


# The pages


def _with_something_to_press(ward: Ward) -> Path:
    """Give a library what makes every control appear: duplicates, a failure, a fault."""
    shutil.copy(ward.photos / "red.png", ward.photos / "copy of red.png")
    (ward.photos / "broken.png").write_bytes(b"not a picture")
    ward.index()
    (ward.folder / "vectors" / "someones-model-0123456789abcdef").mkdir(parents=True)
    return ward.photos / "red.png"


def test_no_control_of_the_pages_writes(ward: Ward, cache: Path, pages: None) -> None:
    picture = _with_something_to_press(ward)
    before = state_of(ward.folder, ward.url)
    resources, judge = page_walk.start(ward.folder, read_only=True)
    told = page_walk.walk(resources, picture)
    assert any("stray files" in line for line in told)
    assert any("is grouped" in line or "1 group" in line for line in told)
    assert "What is it? It is red." in told
    assert any("Reranked" in line for line in told)
    assert {"Index", "Update", "Try them again", "Repair", "Forget the others"}.isdisjoint(told)
    assert judge.sizes
    resources.close()
    assert state_of(ward.folder, ward.url) == before


def test_without_it_the_same_walk_does_write(sqlite_ward: Ward, cache: Path, pages: None) -> None:
    """The walk above could fail."""
    ward = sqlite_ward
    picture = _with_something_to_press(ward)
    before = state_of(ward.folder, ward.url)
    resources, _ = page_walk.start(ward.folder, read_only=False)
    told = page_walk.walk(resources, picture)
    resources.close()
    assert {"Index", "Update", "Try them again"} <= set(told)
    after = state_of(ward.folder, ward.url)
    assert str(ward.folder / "maps") in set(after) - set(before)
    assert not (ward.folder / "vectors" / "someones-model-0123456789abcdef").exists()
    with ward.library() as library:
        assert library.count() == 3  # the copy and the look-alike are forgotten
    assert ward.number("SELECT count(*) FROM judgements WHERE answer IS NULL") > 0
    assert ward.number("SELECT count(*) FROM judgements WHERE answer IS NOT NULL") > 0


def test_a_control_that_is_there_by_mistake_is_refused_below_the_page(ward: Ward, cache: Path, pages: None) -> None:
    picture = _with_something_to_press(ward)
    before = state_of(ward.folder, ward.url)
    resources, _ = page_walk.start(ward.folder, read_only=True)
    retried, _, forgotten = page_walk.press_what_is_hidden(resources, picture)
    for told in (retried, forgotten):
        assert told.startswith(f"{ward.folder} was opened read-only")
    with pytest.raises(LibraryReadOnly):
        resources.jobs.start([str(ward.photos)])
    resources.close()
    assert state_of(ward.folder, ward.url) == before
