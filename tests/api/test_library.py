"""The facade's verbs that the pages of the browser stand on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photoseek
from photoseek import Hit, ImageUnreadable, Library
from photoseek.api import IndexedRoot
from photoseek.search.metrics import RECALL_LEVELS
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.packed import pack


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return photoseek.open(tmp_path / "my.library", model=ColourEmbedder())


@pytest.fixture
def red(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return paint(tmp_path / "photos" / "red.png", "red")


def test_the_original_of_an_image_is_its_file(library: Library, red: Path) -> None:
    library.index(red.parent)
    assert library.original(library.search("red")[0].image) == red


def test_the_original_of_an_archives_member_is_its_bytes(library: Library, red: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "scans.zip", {"red.png": red.read_bytes()})
    library.index(archive)
    assert library.original(library.search("red")[0].image) == red.read_bytes()
    archive.unlink()
    with pytest.raises(ImageUnreadable, match=r"scans\.zip!/red\.png: cannot be read"):
        library.original(library.search("red")[0].image)


def test_an_original_that_changed_since_it_was_indexed_is_refused(library: Library, red: Path) -> None:
    library.index(red.parent)
    image = library.search("red")[0].image
    os.utime(red, ns=(0, image.mtime_ns + 1))
    with pytest.raises(ImageUnreadable, match="changed since it was indexed"):
        library.original(image)
    red.unlink()
    with pytest.raises(ImageUnreadable, match="cannot be read: No such file"):
        library.original(image)


def test_roots_are_what_was_indexed_with_their_images(library: Library, red: Path, tmp_path: Path) -> None:
    paint(red.parent / "blue.png", "blue")
    archive = pack(tmp_path / "scans.zip", {"green.png": paint(tmp_path / "g.png", "green").read_bytes()})
    library.index([red.parent, archive])
    assert library.roots() == [
        IndexedRoot(red.parent, str(red.parent), 2),
        IndexedRoot(archive, f"{archive}!", 1),
    ]


def test_a_sheet_is_drawn_of_the_callers_tiles_and_of_a_cross_where_there_is_none(
    library: Library, red: Path, tmp_path: Path
) -> None:
    paint(red.parent / "blue.png", "blue")
    library.index(red.parent)
    hits = sorted(library.search("red"), key=lambda hit: hit.image.path.name)

    def tile_of(hit: Hit, side_px: int) -> Image.Image:
        if hit.image.path.name == "red.png":
            raise ImageUnreadable(str(hit.image.path), "gone")
        return Image.new("RGB", (side_px, side_px), (1, 2, 3))

    library.export_sheet(hits, tmp_path / "sheet.png", title="two", tile_of=tile_of)
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    ours, cross, of_file = (int((pixels == colour).all(axis=2).sum()) for colour in ((1, 2, 3), 224, (255, 0, 0)))
    assert ours == 220 * 220
    assert cross > 220 * 200  # what stands for a picture that cannot be read
    assert of_file == 0


def test_an_evaluation_tells_its_curves(library: Library, red: Path, tmp_path: Path) -> None:
    for name, colour in (("blue", "blue"), ("orange", (200, 100, 0))):
        paint(red.parent / f"{name}.png", colour)
    library.index(red.parent)
    queries = tmp_path / "queries.csv"
    queries.write_text("text,path\nred,red.png\nred,blue.png\n", encoding="utf-8")
    (asked,) = [one for one in library.evaluate(queries).asked if one.direction == "text to image"]
    assert [ranks.tolist() for ranks in asked.ranks] == [[1, 3]]
    curve = asked.precision_by_recall()
    assert tuple(curve) == RECALL_LEVELS
    assert curve[1.0] == pytest.approx(2 / 3)
    assert asked.recall_by_k(3) == {1: 0.5, 2: 0.5, 3: 1.0}


def test_opening_a_library_imports_neither_sql_nor_the_indexer_nor_a_model(tmp_path: Path) -> None:
    import subprocess

    program = "import sys, photoseek; photoseek.open(sys.argv[1]).folder; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", program, str(tmp_path / "x.library")]
    loaded = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert not loaded & {"sqlalchemy", "onnxruntime", "torch", "faiss", "PIL", "photoseek.library.store"}
    assert not [name for name in loaded if name.startswith(("photoseek.indexer", "photoseek.rerank"))]


def test_a_closed_library_says_so_whatever_is_asked_of_it(tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos" / "red.png", "red").parent
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        library.index(photos)
        assert len(library.search("red")) == 1
    library.close()
    unopened = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    unopened.close()
    for closed in (library, unopened):
        asked: tuple[Callable[[Library], object], ...] = (
            lambda one: one.search("red"),
            lambda one: one.index(photos),
            lambda one: one.info(),
            lambda one: one.remove(photos),
            lambda one: one.texts.search_words("red"),
            lambda one: one.export_npy(tmp_path / "out"),
        )
        for ask in asked:
            with pytest.raises(photoseek.LibraryClosed, match="was closed: open it again"):
                ask(closed)
