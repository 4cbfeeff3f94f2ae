"""A folder that lives: pictures painted with dates of their own, beside the library that is told of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

import photoseek
from photoseek import IndexOptions, IndexReport, Library
from photoseek.tests.support.fakes import ColourEmbedder, paint


def stop_after(calls: int) -> Callable[[], bool]:
    asked = count()
    return lambda: next(asked) >= calls


SHADES = [(number * 4, 255 - number * 4, 9) for number in range(60)]


@dataclass
class World:
    """Photographs in `photos`, red, green and blue at first, and a library indexed by the colours' embedder."""

    photos: Path
    embedder: ColourEmbedder
    library: Library
    _dates_ns: count[int] = field(default_factory=lambda: count(10**18, 10**9))

    def paint(self, name: str, colour: str | tuple[int, int, int], size: tuple[int, int] = (12, 10)) -> Path:
        """Write a picture with a date no other has: file systems' clocks may be coarse."""
        return self.touch(paint(self.photos / name, colour, size))

    def touch(self, path: Path) -> Path:
        os.utime(path, ns=(0, next(self._dates_ns)))
        return path

    def index(self, *paths: Path, options: IndexOptions | None = None) -> IndexReport:
        return self.library.index(paths or [self.photos], options)

    def answers(self, text: str) -> list[str]:
        """Names of the images of exactly this colour, in the order of their ids."""
        return [str(hit.image.path.relative_to(self.photos)) for hit in self.library.search(text) if hit.score > 0.999]

    def failed(self) -> list[tuple[str, str, int]]:
        """(name, stage, tries) of the ledger's rows."""
        return [
            (str(Path(failure.path).relative_to(self.photos)), failure.stage, failure.tries)
            for failure in self.library.failures()
        ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    embedder = ColourEmbedder()
    world = World(tmp_path / "photos", embedder, photoseek.open(tmp_path / "library", model=embedder))
    for colour in ("red", "green", "blue"):
        world.paint(f"{colour}.png", colour)
    assert world.index() == IndexReport(new=3, embedded=3)
    return world
