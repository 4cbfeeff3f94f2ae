"""Every mode, depth, transparency and profile comes out in its true colours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from photoseek.library.images.decoding import decode
from photoseek.library.images.srgb import to_srgb
from photoseek.tests.support.hostile import SEEDS, encoded
from photoseek.tests.support.pictures import BLACK, BLUE, GREEN, RED, WHITE, colours_of, drawing_of, picture, pixels_of
from photoseek.tests.support.profiles import red_cyan_press, swapped_rgb


@pytest.mark.parametrize("kind", [kind for kind, _ in SEEDS])
def test_every_kind_of_file_keeps_its_colours(kind: str) -> None:
    flat = Image.new("RGB", (64, 64), (200, 100, 50))
    image = decode(dict(SEEDS)[kind](flat), kind).image
    expected = (124, 124, 124) if kind == "16-bit TIFF" else (200, 100, 50)
    assert np.abs(np.asarray(image).astype(int) - expected).max() <= 6


def test_black_and_white() -> None:
    assert colours_of(picture("KW").convert("1")) == [BLACK, WHITE]


def test_grey_with_alpha_lies_over_white() -> None:
    image = Image.merge("LA", (Image.new("L", (3, 1), 0), Image.new("L", (3, 1))))
    for x, alpha in enumerate((0, 255, 51)):
        image.putpixel((x, 0), (0, alpha))
    assert colours_of(image) == [WHITE, BLACK, (204, 204, 204)]


def test_colour_with_alpha_lies_over_white_whatever_hides_below() -> None:
    image = Image.new("RGBA", (3, 1))
    for x, pixel in enumerate(((255, 0, 0, 0), (255, 0, 0, 255), (255, 0, 0, 51))):
        image.putpixel((x, 0), pixel)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert colours_of(image, kind, **options) == [WHITE, RED, (255, 204, 204)]


def test_modes_no_file_format_of_ours_writes_lie_over_white_too() -> None:
    colour, grey = Image.new("RGBA", (2, 1), (255, 0, 0, 51)), Image.new("LA", (2, 1), (0, 51))
    palette = picture("RR").convert("PA")
    palette.putalpha(51)
    for image, shown in (
        (colour.convert("RGBa"), (255, 204, 204)),
        (grey.convert("La"), (204, 204, 204)),
        (palette, (255, 204, 204)),
    ):
        assert to_srgb(image, 1).getpixel((1, 0)) == shown


def test_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    for x in range(3):
        image.putpixel((x, 0), x)
    assert colours_of(image, "PNG", transparency=1) == [RED, WHITE, BLUE]
    assert colours_of(image, "PNG", transparency=bytes((255, 0, 51))) == [RED, WHITE, (204, 204, 255)]
    assert colours_of(image, "GIF", transparency=2) == [RED, GREEN, WHITE]


def test_transparent_colour_of_a_picture_without_alpha_is_white() -> None:
    assert colours_of(picture("RGB"), "PNG", transparency=GREEN) == [RED, WHITE, BLUE]
    assert colours_of(picture("KW").convert("L"), "PNG", transparency=0) == [WHITE, WHITE]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    ramp = Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16))
    assert colours_of(ramp, kind) == [BLACK, (1, 1, 1), (128, 128, 128), WHITE]


def test_big_endian_sixteen_bit_grey_is_scaled() -> None:
    pgm = b"P5 3 1 65535\n" + np.array([0, 32896, 65535], dtype=">u2").tobytes()
    assert [tuple(pixel) for pixel in pixels_of(pgm)[0]] == [BLACK, (128, 128, 128), WHITE]


def test_twelve_bits_in_sixteen_are_not_shown_black() -> None:
    ramp = Image.fromarray(np.array([[0, 2056, 4095]], dtype=np.uint16))
    assert colours_of(ramp, "TIFF") == [BLACK, (128, 128, 128), WHITE]


def test_sixteen_bit_colour_keeps_its_shade() -> None:
    ppm = b"P6 2 1 65535\n" + np.array([[65535, 0, 32896], [0, 65535, 257]], dtype=">u2").tobytes()
    assert [tuple(pixel) for pixel in pixels_of(ppm)[0]] == [(255, 0, 128), (0, 255, 1)]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 5e5, 1e6], [0, 128, 255]),
        ([0.0, math.nan, 1.0], [0, 0, 255]),
        ([-math.inf, 0.5, math.inf], [0, 128, 255]),
        ([math.nan, math.nan, math.nan], [0, 0, 0]),
    ],
)
def test_floats_are_scaled_by_their_range(values: list[float], shown: list[int]) -> None:
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert colours_of(image, "TIFF") == [(grey, grey, grey) for grey in shown]


def test_signed_integers_are_scaled_by_their_range() -> None:
    image = Image.fromarray(np.array([[-1000, 0, 1000]], dtype=np.int32))
    assert colours_of(image, "TIFF") == [BLACK, (128, 128, 128), WHITE]


def test_cmyk_without_a_profile() -> None:
    inks = np.array([[[0, 255, 255, 0], [255, 0, 255, 0], [0, 0, 0, 0], [0, 0, 0, 255]]], dtype=np.uint8)
    image = Image.fromarray(inks, "CMYK")
    assert colours_of(image, "TIFF") == [RED, GREEN, WHITE, BLACK]
    big = image.resize((64, 16), Image.Resampling.NEAREST)
    assert drawing_of(decode(encoded(big, "JPEG", quality=98), "p").image, 16) == "RGWK"


def test_cmyk_follows_its_profile() -> None:
    inks = np.array([[[255, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 255]]], dtype=np.uint8)
    colours = colours_of(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=red_cyan_press())
    assert np.abs(np.array(colours) - [RED, WHITE, BLACK]).max() <= 10


def test_lab_and_ycbcr_become_rgb() -> None:
    lab = Image.new("LAB", (2, 1), (255, 128, 128))
    lab.putpixel((1, 0), (0, 128, 128))
    assert np.abs(np.array(colours_of(lab, "TIFF")) - [WHITE, BLACK]).max() <= 2
    assert np.abs(np.array(colours_of(picture("RK").convert("YCbCr"), "TIFF")) - [RED, BLACK]).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_rgb_follows_its_profile(kind: str) -> None:
    swapped = colours_of(picture("RGBWK"), kind, icc_profile=swapped_rgb())
    assert np.abs(np.array(swapped) - [GREEN, RED, BLUE, WHITE, BLACK]).max() <= 3


def test_a_profile_holds_for_palettes_and_alpha_too() -> None:
    palette = picture("RG").quantize(2)
    assert np.abs(np.array(colours_of(palette, icc_profile=swapped_rgb())) - [GREEN, RED]).max() <= 3
    alpha = picture("RG").convert("RGBA")
    assert np.abs(np.array(colours_of(alpha, icc_profile=swapped_rgb())) - [GREEN, RED]).max() <= 3


@pytest.mark.parametrize("profile", [b"", b"not a profile", swapped_rgb()[:140], red_cyan_press()])
def test_a_profile_that_is_broken_or_of_another_space_is_ignored(profile: bytes) -> None:
    assert colours_of(picture("RGB"), icc_profile=profile) == [RED, GREEN, BLUE]
