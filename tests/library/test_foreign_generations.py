"""Vector files of another library, as a copied or reused folder holds them: noted, and then replaced or removed."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

import photoseek
from photoseek import Library
from photoseek.library.doctor import examine
from photoseek.tests.support.fakes import ColourEmbedder, paint


@pytest.fixture
def reused(tmp_path: Path) -> Path:
    """A library of two pictures in whose folder lie the vector files of another."""
    for name, colour in {"red": "red", "blue": "blue"}.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    for name in ("old", "new"):
        with opened(tmp_path / name) as library:
            library.index(tmp_path / "photos")
            if name == "old":
                library._handle.vectors.publish()
    shutil.copytree(tmp_path / "old" / "vectors", tmp_path / "new" / "vectors", dirs_exist_ok=True)
    return tmp_path / "new"


def opened(folder: Path) -> Library:
    return photoseek.open(folder, model=ColourEmbedder())


def complaints(folder: Path, caplog: pytest.LogCaptureFixture) -> int:
    caplog.clear()
    with opened(folder) as library, caplog.at_level(logging.WARNING):
        assert [hit.image.path.stem for hit in library.search("red", k=1)] == ["red"]
    return caplog.text.count("is not used")


def test_repair_takes_away_what_searches_complain_of(reused: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert complaints(reused, caplog) == 1
    found = examine(reused)
    assert [(one.check, one.harmless, one.repaired) for one in found] == [("stray files", True, False)] * 2
    assert [one.repaired for one in examine(reused, repair=True)] == [True] * 2
    assert examine(reused) == []
    assert complaints(reused, caplog) == 0


def test_the_next_index_takes_it_away_too(reused: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(reused) as library:
        library.index(reused.parent / "photos")
    assert complaints(reused, caplog) == 0
    assert examine(reused) == []


def test_a_damaged_file_of_so_few_vectors_is_taken_away_by_repair(
    reused: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [file] = (reused / "vectors").glob("*/gen-1.json")
    file.write_text("{")
    assert complaints(reused, caplog) == 1
    assert {one.repaired for one in examine(reused, repair=True)} == {True}
    assert complaints(reused, caplog) == 0
