"""The doctor on vectors, their files and the user's: broken first, found as what it is, repaired if it can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from photoseek import Finding, Query, Term, Words
from photoseek.library.catalog import tables
from photoseek.library.doctor import examine
from photoseek.library.vectors.generations import Generations, should_build
from photoseek.tests.support.fakes import paint
from photoseek.tests.support.wards import Ward, quiet, sqlite_ward, ward

__all__ = ["quiet", "sqlite_ward", "ward"]  # fixtures


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
    monkeypatch.setattr(Generations.newest, "__kwdefaults__", {"sum_limit_bytes": 0})
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
    assert ward.is_found("generations").endswith("was built from a later state of the catalogue than this one")
    ward.is_repaired("generations")


def test_a_vector_file_that_is_due(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ward.vector_file().parent.iterdir():
        file.unlink()
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


# Settings and calibration


def test_lost_settings_are_written_again(sqlite_ward: Ward) -> None:
    ward = sqlite_ward
    file = ward.folder / "library.toml"
    content = file.read_text(encoding="utf-8")
    file.unlink()
    findings = examine(ward.folder, repair=True)
    assert [(one.check, one.repaired, one.harmless) for one in findings] == [("settings", True, False)]
    assert 'model = "colours"' in file.read_text(encoding="utf-8")
    assert len(file.read_text(encoding="utf-8").splitlines()) == len(content.splitlines())


def test_a_calibration_that_cannot_be_read_is_deleted(ward: Ward) -> None:
    with ward.library() as library:
        library.search(Query((Term(Words("red")),), threshold="auto"))
    [file] = (ward.folder / "calibration").iterdir()
    assert examine(ward.folder) == []
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (ward.folder / "calibration" / "half").write_bytes(b"")
    assert [(one.check, one.harmless) for one in examine(ward.folder)] == [("calibration", True)] * 2
    assert [one.repaired for one in examine(ward.folder, repair=True)] == [True, True]
    assert (list((ward.folder / "calibration").iterdir()), examine(ward.folder)) == ([], [])


def test_a_file_in_the_place_of_the_calibrations_is_deleted(ward: Ward) -> None:
    (ward.folder / "calibration").write_bytes(b"")
    assert "is no folder" in ward.is_found("calibration", harmless=True)
    assert [one.repaired for one in examine(ward.folder, repair=True)] == [True]
    assert examine(ward.folder) == []
