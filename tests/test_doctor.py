"""The doctor: each thing that can be wrong is broken first, found as what it is, repaired if it can be, and gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

import photoseek
from photoseek import Finding, Library
from photoseek.library import tables
from photoseek.library.doctor import examine
from photoseek.library.errors import LibraryLocked, LibraryNotFound
from photoseek.library.lock import writing_lock
from photoseek.library.vectors import live
from photoseek.library.vectors.generations import Generations, should_build
from photoseek.tests.fakes import ColourEmbedder, paint


@dataclass
class Ward:
    """A library of four images with a vector file, and the means to hurt it."""

    folder: Path
    photos: Path
    url: sa.URL

    def sql(self, *statements: str) -> None:
        """Run statements as somebody with a database tool would: no rule of ours is in force."""
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def number(self, query: str) -> int:
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            found = int(connection.exec_driver_sql(query).scalar_one())
        engine.dispose()
        return found

    def library(self) -> Library:
        return photoseek.open(self.folder, model=ColourEmbedder())

    def index(self) -> None:
        with self.library() as library:
            library.index(self.photos)

    def names(self, text: str) -> list[str]:
        with self.library() as library:
            return sorted(hit.image.path.name for hit in library.search(text) if hit.score > 0.99)

    def vector_file(self) -> Path:
        [path] = self.folder.glob("vectors/*/gen-*.vectors")
        return path

    def is_found(self, check: str, *, harmless: bool = False) -> str:
        """Assert that exactly this is wrong, that looking changes nothing, and that it is told as it is."""
        [finding] = examine(self.folder)
        assert finding == Finding(check, finding.detail, repaired=False, harmless=harmless)
        assert examine(self.folder) == [finding]
        return finding.detail

    def is_repaired(self, check: str) -> None:
        """Assert that this is wrong, mended when asked, and then no longer wrong."""
        [found] = examine(self.folder)
        [repaired] = examine(self.folder, repair=True)
        assert (found.check, found.repaired) == (check, False)
        assert (repaired.check, repaired.repaired, repaired.harmless) == (check, True, found.harmless)
        assert examine(self.folder) == []


@pytest.fixture
def ward(tmp_path: Path, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> Ward:
    folder, photos = tmp_path / "library", tmp_path / "photos"
    url = database_url
    if url.get_backend_name() == "sqlite":
        url = url.set(database=str(folder / "catalog.sqlite"))
    else:
        folder.mkdir()
        catalog = url.render_as_string(hide_password=False)
        (folder / "library.toml").write_text(f'catalog = "{catalog}"\n', encoding="utf-8")
    for name, colour in {"red": "red", "green": "green", "blue": "blue"}.items():
        paint(photos / f"{name}.png", colour)
    paint(photos / "rose.png", (255, 20, 20))
    made = Ward(folder, photos, url)
    with monkeypatch.context() as early:
        early.setattr(live, "should_build", lambda _total, newer: newer > 0)
        made.index()
    return made


@pytest.fixture
def sqlite_ward(ward: Ward) -> Ward:
    if ward.url.get_backend_name() != "sqlite":
        pytest.skip("of SQLite alone")
    return ward


# Health


def test_a_healthy_library_has_no_findings_and_is_left_as_it_is(ward: Ward) -> None:
    before = ward.number("SELECT change_seq FROM meta")
    assert examine(ward.folder) == []
    assert examine(ward.folder, repair=True) == []
    assert ward.number("SELECT change_seq FROM meta") == before


def test_a_library_that_lives_stays_healthy(ward: Ward) -> None:
    (ward.photos / "red.png").unlink()
    paint(ward.photos / "green.png", "blue", (30, 30))
    (ward.photos / "bad.png").write_bytes(b"")
    ward.index()
    assert examine(ward.folder) == []
    with ward.library() as library:
        library.remove(ward.photos / "rose.png")
        assert library.doctor() == []
        library.prune()
        assert library.doctor() == []


def test_where_there_is_no_library_there_is_nothing_to_examine(tmp_path: Path) -> None:
    with pytest.raises(LibraryNotFound):
        examine(tmp_path / "nowhere")


def test_it_looks_at_a_library_that_is_being_written_but_repairs_none(ward: Ward) -> None:
    with writing_lock(ward.folder, "index"):
        assert examine(ward.folder) == []
        with pytest.raises(LibraryLocked):
            examine(ward.folder, repair=True)


# Settings, lock, database, schema


def test_settings_that_cannot_be_read(ward: Ward) -> None:
    (ward.folder / "library.toml").write_text("model = [", encoding="utf-8")
    assert "is not valid TOML" in ward.is_found("settings")


def test_the_name_of_a_killed_process_on_the_lock(ward: Ward) -> None:
    (ward.folder / "writer.owner").write_text("`photoseek index` (process 1 on here)", encoding="utf-8")
    assert "`photoseek index` (process 1 on here)" in ward.is_found("lock", harmless=True)
    ward.is_repaired("lock")


def test_an_index_of_the_database_that_lacks_rows(sqlite_ward: Ward) -> None:
    """A row is written while the index is hidden from SQLite, which then knows of it again."""
    with closing(sqlite3.connect(sqlite_ward.folder / "catalog.sqlite", isolation_level=None)) as connection:
        entry = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'images_taken_at'").fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'images_taken_at'")
    with closing(sqlite3.connect(sqlite_ward.folder / "catalog.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE images SET taken_at = '2020-01-01 00:00:00' WHERE id = 1")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)
    assert "images_taken_at" in sqlite_ward.is_found("database")
    sqlite_ward.is_repaired("database")


def test_a_database_file_that_is_none(sqlite_ward: Ward) -> None:
    (sqlite_ward.folder / "catalog.sqlite").write_bytes(b"something else" * 1000)
    for suffix in ("-wal", "-shm"):
        (sqlite_ward.folder / f"catalog.sqlite{suffix}").unlink(missing_ok=True)
    assert "not a SQLite database" in sqlite_ward.is_found("database")


def test_a_database_file_with_a_page_of_rubbish(sqlite_ward: Ward) -> None:
    sqlite_ward.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    size_bytes = (sqlite_ward.folder / "catalog.sqlite").stat().st_size
    with (sqlite_ward.folder / "catalog.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size_bytes - 4096))
    assert {finding.check for finding in examine(sqlite_ward.folder)} == {"database"}
    assert [finding.repaired for finding in examine(sqlite_ward.folder, repair=True)] != [True]


def test_a_lost_index_a_wrong_one_and_a_lost_table(ward: Ward) -> None:
    ward.sql("DROP INDEX images_taken_at")
    assert ward.is_found("schema") == "images_taken_at is missing"
    ward.is_repaired("schema")
    ward.sql("DROP INDEX images_path", "CREATE INDEX images_path ON images (path)")
    assert ward.is_found("schema") == "images_path is not the one expected"
    ward.is_repaired("schema")
    ward.sql("DROP TABLE judgements")
    assert [finding.detail for finding in examine(ward.folder, repair=True)] == [
        "judgements is missing",
        "judgements_asked is missing",
    ]
    assert examine(ward.folder) == []


def test_a_lost_column_is_told_and_nothing_is_touched(ward: Ward) -> None:
    ward.sql("ALTER TABLE images DROP COLUMN camera", "UPDATE meta SET change_seq = 0")
    for repair in (False, True):
        found = examine(ward.folder, repair=repair)
        assert Finding("schema", found[0].detail) == found[0]
        assert "lacks images.camera: restore" in found[0].detail
    assert ward.number("SELECT change_seq FROM meta") == 0


# Rows


def without_rules(ward: Ward, table: str) -> None:
    """Let rows of `table` lose their owners; SQLite minds only when asked to."""
    if ward.url.get_backend_name() == "postgresql":
        ward.sql(*(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey" for column in ("image_id", "model_id")))


def test_rows_without_their_owner(ward: Ward) -> None:
    without_rules(ward, "embeddings")
    ward.sql(
        "INSERT INTO embeddings (image_id, model_id, vector, change_seq) SELECT 77, model_id, vector, 1 "
        "FROM embeddings WHERE image_id = 1"
    )
    assert ward.is_found("owners") == "1 row of embeddings without their row of images"
    ward.is_repaired("owners")
    assert ward.number("SELECT count(*) FROM embeddings") == 4


def test_rows_numbered_ahead_of_the_count(ward: Ward) -> None:
    ward.sql("UPDATE images SET change_seq = 900 WHERE id = 2")
    assert ward.is_found("change numbers").startswith("rows are numbered up to 900, the count stands at ")
    ward.is_repaired("change numbers")
    assert ward.number("SELECT change_seq FROM meta") > 900


def test_a_deletion_of_an_image_that_is_there(ward: Ward) -> None:
    ward.sql("INSERT INTO deletions (image_id, change_seq) VALUES (1, 1)")
    assert ward.is_found("deletions") == "1 image noted as deleted but there"
    ward.is_repaired("deletions")


def test_an_image_without_any_vector_is_wrong_until_indexed_again(ward: Ward) -> None:
    ward.sql("UPDATE images SET change_seq = 2", "DELETE FROM embeddings WHERE image_id = 1")
    found = examine(ward.folder, repair=True)
    assert [(finding.check, finding.repaired) for finding in found] == [("vectors", False), ("generations", True)]
    assert found[0].detail.startswith("1 image without a vector, which no search finds")
    ward.index()
    assert examine(ward.folder) == []


def test_images_that_a_second_model_has_not_seen_are_only_noted(ward: Ward) -> None:
    with photoseek.open(ward.folder, model=ColourEmbedder("shades@1")) as library:
        library.index(ward.photos / "red.png")
    detail = ward.is_found("vectors", harmless=True)
    assert detail.startswith("3 images not yet indexed with shades, but with another model")


# Vectors and their files


@pytest.mark.parametrize(
    "vector",
    ["3c00", "3c0000000000" * 2, "007e00000000", "007c00000000", "003800000000", "000000000000"],
    ids=["short", "long", "nan", "infinite", "half as long", "zero"],
)
def test_a_vector_of_wrong_numbers_is_made_again(ward: Ward, vector: str) -> None:
    blob = f"X'{vector}'" if ward.url.get_backend_name() == "sqlite" else f"'\\x{vector}'::bytea"
    ward.sql(f"UPDATE embeddings SET vector = {blob} WHERE image_id = 1")
    assert "1 vector of colours in embeddings with wrong numbers" in ward.is_found("vectors")
    first, second = examine(ward.folder, repair=True)
    assert (first.check, first.repaired) == ("vectors", True)
    assert "1 image without a vector" in second.detail
    ward.index()
    assert examine(ward.folder) == []
    assert ward.names("blue") == ["blue.png"]


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, cut, flip])
def test_a_vector_file_that_is_not_whole_is_built_again(ward: Ward, harm: Callable[[Path], None]) -> None:
    harm(ward.vector_file())
    assert ward.is_found("generations") == "the vector file of colours is missing or damaged"
    ward.is_repaired("generations")
    assert ward.names("red") == ["red.png", "rose.png"]


def test_even_a_large_file_is_hashed(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(ward.vector_file())
    monkeypatch.setitem(Generations.newest.__kwdefaults__, "sum_limit_bytes", 0)
    ward.is_repaired("generations")


def test_a_vector_file_that_holds_what_the_catalogue_does_not(ward: Ward) -> None:
    ward.sql("DELETE FROM embeddings WHERE image_id = 1", "DELETE FROM images WHERE id = 1")
    assert ward.is_found("generations") == "the vector file of colours does not hold what the catalogue has"
    ward.is_repaired("generations")


def test_a_vector_file_that_lacks_what_the_catalogue_has(ward: Ward) -> None:
    columns = ", ".join(column.name for column in tables.images.columns if column.name not in {"id", "path"})
    ward.sql(
        f"INSERT INTO images (id, path, {columns}) SELECT 50, '{ward.photos}/copy.png', {columns} FROM images "
        "WHERE id = 1",
        "INSERT INTO embeddings (image_id, model_id, vector, change_seq) SELECT 50, model_id, vector, change_seq "
        "FROM embeddings WHERE image_id = 1",
    )
    ward.is_repaired("generations")


def test_a_vector_file_of_a_later_state(ward: Ward) -> None:
    """As after the catalogue was restored from an older backup."""
    ward.sql(*(f"UPDATE {table} SET change_seq = 0" for table in ("images", "embeddings", "generations", "meta")))
    ward.sql("UPDATE images SET texts_seq = 0")
    assert ward.is_found("generations").endswith("was built from a later state of the catalogue than this one")
    ward.is_repaired("generations")


def test_a_vector_file_that_is_due(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.vector_file().unlink()
    ward.sql("DELETE FROM generations")
    assert examine(ward.folder) == []  # four vectors need none
    monkeypatch.setattr(
        "photoseek.library.checks.vectors.should_build", lambda total, newer: should_build(total, newer, floor=1)
    )
    ward.is_repaired("generations")


def test_a_vector_file_that_was_published_but_not_recorded(ward: Ward) -> None:
    ward.sql("DELETE FROM generations")
    assert ward.is_found("generations", harmless=True).endswith("is whole, but not on record")
    ward.is_repaired("generations")
    assert ward.number("SELECT count FROM generations") == 4


def test_files_that_serve_nothing_are_swept(ward: Ward) -> None:
    folder = ward.vector_file().parent
    orphan = folder.with_name(f"gone-{'0' * 16}")
    orphan.mkdir()
    strays = [orphan, folder / "gen-0.faiss", folder / f"unfinished-{2**40}-{'0' * 32}.faiss"]
    for path in strays[1:]:
        path.write_bytes(b"half")
    (folder / "notes.txt").write_text("not ours", encoding="utf-8")
    assert examine(ward.folder) == [
        Finding("stray files", f"{path} serves nothing", repaired=False, harmless=True) for path in strays
    ]
    assert all(finding.repaired for finding in examine(ward.folder, repair=True))
    assert [path.exists() for path in strays] == [False, False, False]
    assert (folder / "notes.txt").exists()


# Files of the user


def test_failures_of_files_that_are_gone(ward: Ward) -> None:
    for name in ("bad.png", "worse.png"):
        (ward.photos / name).write_bytes(b"")
    ward.index()
    (ward.photos / "bad.png").unlink()
    assert ward.is_found("failures", harmless=True) == "1 recorded failure of files that are gone"
    ward.is_repaired("failures")
    with ward.library() as library:
        assert [Path(failure.path).name for failure in library.failures()] == ["worse.png"]


def test_failures_on_an_unmounted_disk_are_kept(ward: Ward) -> None:
    (ward.photos / "bad.png").write_bytes(b"")
    ward.index()
    ward.photos.rename(ward.photos.with_name("away"))
    ward.photos.mkdir()
    assert examine(ward.folder) == []


def test_missing_images_whose_files_are_back(ward: Ward) -> None:
    aside = ward.photos.parent / "red.png"
    (ward.photos / "red.png").rename(aside)
    ward.index()
    assert (examine(ward.folder), ward.names("red")) == ([], ["rose.png"])
    aside.rename(ward.photos / "red.png")
    assert ward.is_found("missing", harmless=True) == "1 image marked missing, but there as they were"
    ward.is_repaired("missing")
    assert ward.names("red") == ["red.png", "rose.png"]


def test_missing_images_in_whose_place_is_another(ward: Ward) -> None:
    (ward.photos / "red.png").unlink()
    ward.index()
    paint(ward.photos / "red.png", "blue", (50, 50))
    assert "there with another content: run `photoseek index`" in ward.is_found("missing", harmless=True)
    [left] = examine(ward.folder, repair=True)
    assert not left.repaired


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Notes on vector files passed over are for people."""
    with caplog.at_level("CRITICAL"):
        yield


def test_a_text_vector_of_wrong_numbers_is_made_again_with_its_image(ward: Ward) -> None:
    (ward.photos / "red.txt").write_text("something red", encoding="utf-8")
    ward.index()
    assert ward.number("SELECT count(*) FROM text_embeddings") == 1
    blob = "X'3c00'" if ward.url.get_backend_name() == "sqlite" else "'\\x3c00'::bytea"
    ward.sql(f"UPDATE text_embeddings SET vector = {blob}")
    assert "1 vector of colours in text_embeddings with wrong numbers" in ward.is_found("vectors")
    examine(ward.folder, repair=True)
    ward.index()
    assert examine(ward.folder) == []
    assert ward.number("SELECT count(*) FROM text_embeddings") == 1
