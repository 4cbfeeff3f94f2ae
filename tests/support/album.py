"""A library as a small album: a panorama, a strip, and pictures with days, places and words, served to browsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photoseek
from photoseek.tests.support.browser import serving
from photoseek.tests.support.fakes import paint

WIDE, HIGH = (6_000, 900), (300, 4_000)


def striped(file: Path, size: tuple[int, int]) -> None:
    """Write a picture of black and white columns, two pixels each: made smaller, it is grey."""
    columns = np.where(np.arange(size[0]) // 2 % 2, 255, 0).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.tile(columns, (size[1], 1))).convert("RGB").save(file, quality=95, subsampling=0)


@pytest.fixture(scope="session")
def album_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library, by mini, of a panorama, a strip and three paintings; one has a place, a day and a caption."""
    home = tmp_path_factory.mktemp("album")
    striped(home / "photos" / "panorama.jpg", WIDE)
    striped(home / "photos" / "strip.jpg", HIGH)
    for colour in ("red", "green", "blue"):
        paint(home / "photos" / "painted" / f"{colour}.png", colour, (800, 600))
    _placed(home / "photos" / "lisbon.jpg", "2021:05:01 10:00:00", (38, 43, 9, 8), (20, 160, 160))
    _placed(home / "photos" / "porto.jpg", "2019:08:02 10:00:00", (41, 9, 8, 36), (160, 160, 20))
    (home / "photos" / "lisbon.txt").write_text("a tram on a hill")
    (home / "photos" / "lisbon.json").write_text('{"keywords": ["Alfama"]}')
    with photoseek.open(home / "album.library") as library:
        library.index([home / "photos"])
    return home / "album.library"


@pytest.fixture(scope="session")
def album(album_library: Path) -> Iterator[str]:
    """The address of a server of that library."""
    with serving(album_library) as address:
        yield address


def _placed(file: Path, moment: str, place: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    """Write a picture that was taken then, so many degrees and minutes north and west, with a camera."""
    exif = Image.Exif()
    exif[0x0110] = "X100V"
    exif.get_ifd(0x8769)[0x9003] = moment
    gps = exif.get_ifd(0x8825)
    north, minutes_north, west, minutes_west = (float(part) for part in place)
    gps[1], gps[2], gps[3], gps[4] = "N", (north, minutes_north, 12.0), "W", (west, minutes_west, 24.0)
    Image.new("RGB", (900, 600), colour).save(file, exif=exif)
