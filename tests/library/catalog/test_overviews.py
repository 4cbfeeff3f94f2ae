"""Summaries of a library, and conditions on names and places, on a library of painted pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

import photoseek
from photoseek import Library
from photoseek.library.catalog.conditions import Area, Condition, NameContains
from photoseek.library.catalog.overviews import BrowseOrder, Month
from photoseek.tests.support.fakes import ColourEmbedder

LISBON, PORTO, SUVA, APIA = (38.72, -9.14), (41.15, -8.61), (-18.14, 178.44), (-13.83, -171.77)
TAKEN = {
    "Trips/Lisbon/tram.jpg": (datetime(2021, 5, 1, 10), LISBON),
    "Trips/Lisbon/Été.jpg": (datetime(2021, 5, 31, 23, 59), LISBON),
    "Trips/Porto/bridge.jpg": (datetime(2021, 6, 1), PORTO),
    "Islands/suva.jpg": (datetime(2019, 1, 1), SUVA),
    "Islands/apia.jpg": (None, APIA),
}


def _degrees(value: float) -> tuple[float, float, float]:
    return float(int(abs(value))), abs(value) % 1 * 60, 0.0


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    for number, (name, (moment, (latitude, longitude))) in enumerate(TAKEN.items()):
        exif = Image.Exif()
        if moment is not None:
            exif.get_ifd(0x8769)[0x9003] = f"{moment:%Y:%m:%d %H:%M:%S}"
        place = exif.get_ifd(0x8825)
        place[1], place[2] = "S" if latitude < 0 else "N", _degrees(latitude)
        place[3], place[4] = "W" if longitude < 0 else "E", _degrees(longitude)
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), (40 * number, 90, 200)).save(file, exif=exif)
    with photoseek.open(tmp_path / "x.library", model=ColourEmbedder()) as opened:
        opened.index([tmp_path / "photos"])
        yield opened


def names(library: Library, where: Condition | None, order: BrowseOrder = BrowseOrder.NAME) -> list[str]:
    return [image.path.name for image in library.browse(20, where, order)]


def test_months_are_counted_latest_first(library: Library) -> None:
    assert library.overviews.months() == [Month(2021, 6, 1), Month(2021, 5, 2), Month(2019, 1, 1)]
    assert library.overviews.months(NameContains(("lisbon",))) == [Month(2021, 5, 2)]


def test_a_library_is_browsed_in_every_order(library: Library) -> None:
    assert names(library, None, BrowseOrder.NEWEST) == ["bridge.jpg", "Été.jpg", "tram.jpg", "suva.jpg", "apia.jpg"]
    assert names(library, None, BrowseOrder.OLDEST) == ["suva.jpg", "tram.jpg", "Été.jpg", "bridge.jpg", "apia.jpg"]
    assert names(library, None, BrowseOrder.NAME) == ["apia.jpg", "suva.jpg", "tram.jpg", "Été.jpg", "bridge.jpg"]
    assert set(names(library, None, BrowseOrder.ADDED)) == {"bridge.jpg", "Été.jpg", "tram.jpg", "suva.jpg", "apia.jpg"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("TRAM",), ["tram.jpg"]),
        (("lisbon", "tram"), ["tram.jpg"]),
        (("été",), ["Été.jpg"]),
        (("%",), []),
        (("photos",), []),  # lies above what was indexed
    ],
)
def test_names_are_found_by_any_part_of_them_in_any_case(
    library: Library, words: tuple[str, ...], found: list[str]
) -> None:
    assert names(library, NameContains(words)) == found


def test_an_area_holds_what_was_taken_within_also_across_the_date_line(library: Library) -> None:
    assert names(library, Area(36, -10, 42, -6)) == ["tram.jpg", "Été.jpg", "bridge.jpg"]
    assert names(library, Area(-30, 170, 0, -160)) == ["apia.jpg", "suva.jpg"]
    assert names(library, Area(50, -10, 60, 0)) == []


def test_pictures_taken_near_one_another_are_one_spot(library: Library) -> None:
    spots = library.overviews.spots(Area(36, -10, 42, -6), cell=0.5)
    assert [spot.count for spot in spots] == [2, 1]
    assert (spots[0].latitude, spots[0].longitude) == pytest.approx(LISBON, abs=0.01)
    assert library.overviews.spots(Area(-90, -180, 90, 180), cell=90)[0].count >= 3


def test_folders_are_counted_with_those_below(library: Library, tmp_path: Path) -> None:
    root = f"{tmp_path}/photos"
    assert library.overviews.folders() == {
        root: 5,
        f"{root}/Islands": 2,
        f"{root}/Trips": 3,
        f"{root}/Trips/Lisbon": 2,
        f"{root}/Trips/Porto": 1,
    }
