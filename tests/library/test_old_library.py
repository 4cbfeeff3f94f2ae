"""A library made by each earlier version opens, answers, indexes and is well; tests/data/make_library.py made them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

import photoseek
from photoseek import Library, PhotoseekError, Query, Term, Words
from photoseek.library.catalog import database as database_module
from photoseek.library.catalog import tables
from photoseek.library.catalog.database import SCHEMA_VERSION, Database
from photoseek.tests.data.make_library import MODIFIED_S, PLACEHOLDER
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the paths in it are POSIX paths")

LIBRARIES = sorted(Path(__file__).parents[1].glob("data/library-*"))


@pytest.fixture(params=LIBRARIES, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest, database_url: sa.URL, tmp_path: Path) -> Path:
    """A copy of an old library and its images, in SQLite and in PostgreSQL in turn, as if they had always been here."""
    shutil.copytree(request.param, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "photos").rglob("*"):
        os.utime(path, (MODIFIED_S, MODIFIED_S))
    backend, library = database_url.get_backend_name(), tmp_path / "library"
    (tmp_path / backend).rename(library)
    if backend == "sqlite":
        _bring_here(library / "catalog.sqlite", tmp_path)
    else:
        _restore(library / "catalog.sql", database_url, tmp_path)
        catalog = database_url.render_as_string(hide_password=False)
        (library / "library.toml").write_text(f'catalog = "{catalog}"\n', encoding="utf-8")
    return tmp_path


def _bring_here(catalog: Path, place: Path) -> None:
    with closing(sqlite3.connect(catalog)) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE type = 'TEXT'")
            for (column,) in columns.fetchall():
                connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (PLACEHOLDER, str(place)))


def _restore(dump: Path, url: sa.URL, place: Path) -> None:
    engine = sa.create_engine(url)
    raw = engine.raw_connection()
    raw.cursor().execute(dump.read_text(encoding="utf-8").replace(PLACEHOLDER, str(place)))
    raw.commit()
    raw.close()
    engine.dispose()


def opened(folder: Path, model: ColourEmbedder | None = None, judge: ColourJudge | None = None) -> Library:
    return photoseek.open(folder / "library", model=model or ColourEmbedder(), judge=judge or ColourJudge())


def names(library: Library, query: str | Query) -> list[str]:
    return [hit.image.path.name for hit in library.search(query) if hit.score > 0.9]


def test_an_old_library_answers_as_it_did(folder: Path) -> None:
    with opened(folder) as library:
        info = library.info()
        assert (info.images, info.missing, info.failures) == (7, 1, 1)
        assert [model.key for model in info.models] == ["colours@1"]
        assert names(library, "red") == ["red.png", "rose.jpg"]
        assert names(library, "blue") == ["blue.png", "copy.png"]
        assert names(library, Query((Term(Words("red")),), threshold="auto")) == ["red.png", "rose.jpg"]
        assert [hit.text.body for hit in library.texts.search_words("green", k=1)] == ["a green meadow"]
        [rose] = [hit.image for hit in library.search("red") if hit.image.path.name == "rose.jpg"]
        assert (rose.camera, str(rose.taken_at)) == ("X100V", "2023-05-01 12:30:00")
        assert [failure.path for failure in library.failures()] == [str(folder / "photos" / "damaged.jpg")]


def test_an_old_library_is_well(folder: Path) -> None:
    (folder / "photos" / "gone.png").unlink()  # which is back, as only indexing may say
    with opened(folder) as library:
        assert library.doctor() == []


def test_an_old_library_is_indexed_again_without_the_model(folder: Path) -> None:
    model = ColourEmbedder()
    with opened(folder, model) as library:
        report = library.index(folder / "photos")
        assert (report.new, report.changed, report.missing) == (0, 0, 0)
        assert (report.unchanged, report.restored, report.still_failing) == (7, 1, 1)
        assert model.images_embedded == 0
        assert library.doctor() == []
        assert "gone.png" in {hit.image.path.name for hit in library.search("green")}


def test_an_old_library_takes_up_new_and_changed_images(folder: Path) -> None:
    paint(folder / "photos" / "new.png", "red")
    paint(folder / "photos" / "green.png", "blue")
    with opened(folder) as library:
        report = library.index(folder / "photos")
        assert (report.new, report.changed) == (1, 1)
        assert sorted(names(library, "red")) == ["new.png", "red.png", "rose.jpg"]
        assert "green.png" in names(library, "blue")
        assert library.doctor() == []


def schema(url: sa.URL) -> dict[str, tuple[list[str], list[str]]]:
    """Every table of a database, with the names of its columns and indexes."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {
        name: (
            [column["name"] for column in inspector.get_columns(name)],
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
    }
    engine.dispose()
    return found


def catalog_url(folder: Path, database_url: sa.URL) -> sa.URL:
    if database_url.get_backend_name() != "sqlite":
        return database_url
    return sa.URL.create("sqlite", database=str(folder / "library" / "catalog.sqlite"))


def schema_version(url: sa.URL) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        version = connection.execute(sa.select(tables.meta.c.schema_version)).scalar_one()
    engine.dispose()
    return version


def test_searching_an_old_library_leaves_its_schema_alone(folder: Path, database_url: sa.URL) -> None:
    url = catalog_url(folder, database_url)
    before = schema(url)
    with photoseek.open(folder / "library", model=ColourEmbedder(), read_only=True) as library:
        assert names(library, "red") == ["red.png", "rose.jpg"]
        assert [hit.text.body for hit in library.texts.search_words("green", k=1)] == ["a green meadow"]
    assert (schema(url), schema_version(url)) == (before, 1)


def test_the_first_writing_takes_an_old_library_to_the_present_schema(
    folder: Path, database_url: sa.URL, tmp_path: Path
) -> None:
    with opened(folder) as library:
        library.index(folder / "photos")
    new = Database.in_file(tmp_path / "new.sqlite")
    new.create()
    new.close()
    url = catalog_url(folder, database_url)
    assert schema(url) == schema(sa.URL.create("sqlite", database=str(tmp_path / "new.sqlite")))
    assert schema_version(url) == SCHEMA_VERSION
    with opened(folder) as library:
        assert library.index(folder / "photos").unchanged == 8
        assert library.doctor() == []


def test_a_migration_that_breaks_leaves_the_old_library_as_it_was(
    folder: Path, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = catalog_url(folder, database_url)
    before = schema(url)
    broken = {1: (*database_module.MIGRATIONS[1], "DROP INDEX no_such_index")}
    monkeypatch.setattr(database_module, "MIGRATIONS", broken)
    with opened(folder) as library, pytest.raises(PhotoseekError):
        library.index(folder / "photos")
    assert (schema(url), schema_version(url)) == (before, 1)
    monkeypatch.undo()
    with opened(folder) as library:
        assert library.index(folder / "photos").unchanged == 7
    assert schema_version(url) == SCHEMA_VERSION


def test_what_a_judge_said_then_is_remembered(folder: Path) -> None:
    judge = ColourJudge()
    with opened(folder, judge=judge) as library:
        *_, last = library.refine("something red", depth=7)
        assert judge.sizes == []
        assert {hit.hit.image.path.name for hit in last.hits[:2]} == {"red.png", "rose.jpg"}
        report = library.caption()
        assert (report.captioned, report.unchanged) == (0, 7)
        assert judge.sizes == []
