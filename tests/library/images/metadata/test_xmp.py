"""XMP packets are read as programs write them; nothing in one can raise, grow or reach outside."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.images.metadata.dates import Moment
from photoseek.library.images.metadata.image_text import ImageText
from photoseek.library.images.metadata.xmp import Xmp, read_xmp
from photoseek.tests.support.packets import alternatives, bag, xmp_packet

FULL = xmp_packet(
    'tiff:Orientation="6" exif:DateTimeOriginal="2024-05-06T07:08:09.5+02:00" xmp:Rating="4" tiff:Make="Acme"'
    ' tiff:Model="One" aux:Lens="50mm f/2" exif:GPSLatitude="48,30.0N" exif:GPSLongitude="9,0,36W"',
    alternatives("dc:title", x_default="The pier", de="Der Steg")
    + alternatives("dc:description", x_default="Two dogs\n on a pier")
    + bag("dc:subject", "dog", "pier")
    + bag("lr:hierarchicalSubject", "Places|Europe|Rome"),
)


def test_everything_a_photographer_writes_is_read() -> None:
    assert read_xmp(FULL) == Xmp(
        orientation=6,
        moment=Moment(datetime(2024, 5, 6, 7, 8, 9), 120),
        make="Acme",
        model="One",
        lens="50mm f/2",
        latitude=48.5,
        longitude=-9.01,
        rating=4,
        texts=(
            ImageText("xmp", "title", "The pier"),
            ImageText("xmp", "title", "Der Steg", "de"),
            ImageText("xmp", "caption", "Two dogs on a pier"),
            ImageText("xmp", "keyword", "dog"),
            ImageText("xmp", "keyword", "pier"),
            ImageText("xmp", "keyword", "Rome"),
        ),
    )


def test_properties_written_as_elements_are_read() -> None:
    packet = xmp_packet(elements="<xmp:Rating>3</xmp:Rating><tiff:Make>Acme</tiff:Make>")
    assert (read_xmp(packet).rating, read_xmp(packet).make) == (3, "Acme")


def test_the_words_of_a_sidecar_say_so() -> None:
    assert {text.source for text in read_xmp(FULL, "sidecar").texts} == {"sidecar"}


def test_what_is_said_of_ingredients_is_not_said_of_the_picture() -> None:
    within = '<rdf:Description xmp:Rating="5"><tiff:Make>Other</tiff:Make></rdf:Description>'
    assert read_xmp(xmp_packet(elements=f"<exif:Thing>{within}</exif:Thing>")) == Xmp()


@pytest.mark.parametrize(
    ("written", "rating"), [("0", 0), ("5", 5), ("3.0", 3), ("-1", None), ("6", None), ("5.5", None)]
)
def test_ratings_are_zero_to_five_stars(written: str, rating: int | None) -> None:
    assert read_xmp(xmp_packet(f'xmp:Rating="{written}"')).rating == rating


@pytest.mark.parametrize(
    ("latitude", "longitude"), [("48,30.0N", ""), ("91,0.0N", "9,0.0E"), ("48.5", "9.0"), ("48,30.0E", "9,0.0E")]
)
def test_half_a_place_is_none(latitude: str, longitude: str) -> None:
    xmp = read_xmp(xmp_packet(f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'))
    assert (xmp.latitude, xmp.longitude) == (None, None)


def test_a_packet_cut_short_tells_what_it_has_told() -> None:
    assert read_xmp(FULL[: FULL.index(b"Der Steg")]).texts == (ImageText("xmp", "title", "The pier"),)


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_a_packet_with_a_doctype_is_not_read(doctype: bytes) -> None:
    assert read_xmp(FULL).rating == 4
    assert read_xmp(doctype + FULL[FULL.index(b"<x:xmpmeta") :]) == Xmp()


def test_a_packet_deeper_or_longer_than_any_real_one_ends_where_it_passes_the_limit() -> None:
    assert read_xmp(xmp_packet(elements="<exif:a>" * 100_000)) == Xmp()
    assert read_xmp(xmp_packet('xmp:Rating="2"', "<exif:a>" * 100_000)).rating == 2
    assert read_xmp(xmp_packet(elements=" " * (5 << 20))) == Xmp()
    assert len(read_xmp(xmp_packet(elements=bag("dc:subject", *map(str, range(20_000))))).texts) <= 5_000


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    read_xmp(data)
    read_xmp(b"<?xml version='1.0' encoding='" + data)


@given(st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(FULL)))
def test_a_spoiled_packet_stays_within_the_standard(edits: list[tuple[int, int]], length: int) -> None:
    spoiled = bytearray(FULL)
    for place, value in edits:
        spoiled[place] = value
    xmp = read_xmp(bytes(spoiled[:length]))
    assert xmp.rating in {None, 0, 1, 2, 3, 4, 5}
    assert xmp.orientation in {None, *range(1, 9)}
    assert (xmp.latitude is None) == (xmp.longitude is None)
    assert all(text.body.isprintable() for text in xmp.texts)
