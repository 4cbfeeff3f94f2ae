"""The doctor on settings, lock, database and rows: each is broken first, found as what it is, repaired, and gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import photoseek
from photoseek import Finding
from photoseek.library.doctor import examine
from photoseek.library.errors import LibraryLocked, LibraryNotFound
from photoseek.library.lock import writing_lock
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.wards import Ward, quiet, sqlite_ward, ward

__all__ = ["quiet", "sqlite_ward", "ward"]  # fixtures


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
