"""The few EXIF facts are read as they were written, and nothing broken is believed."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photoseek.library.images.metadata.exif import Exif, overclaims, read_exif
from photoseek.tests.support.hostile import overlapping_tags

MAKE, MODEL, ORIENTATION, DATE_TIME, ORIGINAL = 0x010F, 0x0110, 0x0112, 0x0132, 0x9003
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825


def block(
    main: dict[int, object] | None = None, shot: dict[int, object] | None = None, gps: dict[int, object] | None = None
) -> bytes:
    """Written by Pillow: an independent writer."""
    exif = Image.Exif()
    exif.update(main or {})
    exif.get_ifd(EXIF_DIRECTORY).update(shot or {})
    exif.get_ifd(GPS_DIRECTORY).update(gps or {})
    return exif.tobytes()


def test_all_facts_of_a_phone_are_read() -> None:
    data = block(
        {MAKE: "Acme", MODEL: "Phone 3", ORIENTATION: 6},
        {ORIGINAL: "2024:05:06 07:08:09", 0x9291: "123"},
        {1: "S", 2: (33.0, 51.0, 36.0), 3: "W", 4: (70.0, 30.0, 0.0)},
    )
    assert read_exif(data) == Exif(6, datetime(2024, 5, 6, 7, 8, 9), "Acme Phone 3", -33.86, -70.5, is_turn_told=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHLHH", ORIENTATION, 3, 1, 8, 0)
    assert read_exif(mark + struct.pack(order + "HLH", 42, 8, 1) + entry + bytes(4)).orientation == 8


@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff_is_read(order: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHQHHHH", ORIENTATION, 3, 1, 3, 0, 0, 0)
    assert read_exif(mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, 1) + entry + bytes(8)).orientation == 3


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("Acme", "Phone\0\0garbage", "Acme Phone"),
        ("Acme", "", "Acme"),
        ("", "X100", "X100"),
        ("  ", " \t ", None),
        ("Acme", "line\nbreak", "Acme line break"),
        ("A" * 500, "B", "A" * 80),
    ],
)
def test_camera_names_its_make_once(make: str, model: str, camera: str | None) -> None:
    assert read_exif(block({MAKE: make, MODEL: model})).camera == camera


@pytest.mark.parametrize(
    ("written", "taken_at"),
    [
        ("2024:02:29 23:59:59", datetime(2024, 2, 29, 23, 59, 59)),
        ("2024-02-29T23:59:59", datetime(2024, 2, 29, 23, 59, 59)),
        ("0000:00:00 00:00:00", None),
        ("2023:02:29 10:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:02:29 24:61:00", None),
        ("yesterday", None),
    ],
)
def test_a_date_that_never_was_is_none(written: str, taken_at: datetime | None) -> None:
    assert read_exif(block(shot={ORIGINAL: written})).taken_at == taken_at


def test_the_moment_of_the_shot_goes_before_that_of_the_file() -> None:
    both = block({DATE_TIME: "2025:01:01 00:00:00"}, {ORIGINAL: "2024:01:01 00:00:00"})
    assert read_exif(both).taken_at == datetime(2024, 1, 1)
    broken = block({DATE_TIME: "2025:01:01 00:00:00"}, {ORIGINAL: "0000:00:00 00:00:00"})
    assert read_exif(broken).taken_at == datetime(2025, 1, 1)


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0)},
        {1: "N", 2: (48.0, 0.0, 0.0), 3: "E", 4: (181.0, 0.0, 0.0)},
        {1: "N", 2: (48.0, 0.0, 0.0)},
        {2: (48.0, 0.0, 0.0), 4: (9.0, 0.0, 0.0)},
        {1: "X", 2: (48.0, 0.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0)},
    ],
)
def test_half_or_impossible_places_are_none(gps: dict[int, object]) -> None:
    facts = read_exif(block(gps=gps))
    assert (facts.latitude, facts.longitude) == (None, None)


def test_a_place_divided_by_zero_is_none() -> None:
    data = block(gps={1: "N", 2: (48.0, 0.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0)})
    assert read_exif(data).latitude == 48.0
    assert read_exif(data.replace(struct.pack("<LL", 48, 1), struct.pack("<LL", 48, 0))).latitude is None
    assert read_exif(data.replace(struct.pack(">LL", 48, 1), struct.pack(">LL", 48, 0))).latitude is None


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_outside_the_standard_means_upright(orientation: int) -> None:
    assert read_exif(block({ORIENTATION: orientation})).orientation == 1


def test_overlapping_values_are_told_from_sound_ones() -> None:
    assert overclaims(overlapping_tags(5000))
    assert not overclaims(block({MAKE: "Acme"}, {ORIGINAL: "2024:05:06 07:08:09"}))


SOUND = block(
    {MAKE: "Acme", MODEL: "One", ORIENTATION: 6},
    {ORIGINAL: "2024:05:06 07:08:09"},
    {1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0)},
)


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for head in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"):
        facts = read_exif(head + data)
        assert 1 <= facts.orientation <= 8


@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(SOUND)))
def test_a_spoiled_block_stays_within_the_standard(edits: list[tuple[int, int]], length: int) -> None:
    spoiled = bytearray(SOUND)
    for place, value in edits:
        spoiled[place] = value
    facts = read_exif(bytes(spoiled[:length]))
    assert 1 <= facts.orientation <= 8
    assert (facts.latitude is None) == (facts.longitude is None)
    assert facts.latitude is None or abs(facts.latitude) <= 90
    assert facts.longitude is None or abs(facts.longitude) <= 180
    assert facts.camera is None or 0 < len(facts.camera) <= 80
