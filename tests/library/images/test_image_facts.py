"""Perceptual hashes stay near for copies and far for others; colours are named as people would."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from photoseek.library.images.colours import COLOUR_NAMES, dominant_colours
from photoseek.library.images.decoding import decode
from photoseek.library.images.hashes import hash_distance, perceptual_hash
from photoseek.tests.support.hostile import encoded, landscape

PICTURES = [landscape(np.random.default_rng(seed), 640, 480) for seed in range(12)]


def test_copies_are_near_and_other_pictures_far() -> None:
    for image in PICTURES:
        mine = perceptual_hash(image)
        copies = [
            image.resize((200, 150)),
            decode(encoded(image, "JPEG", quality=40), "p").image,
            decode(encoded(image, "JPEG"), "p", min_side_px=100).image,
            ImageEnhance.Brightness(image).enhance(1.1),
        ]
        assert max(hash_distance(mine, perceptual_hash(copy)) for copy in copies) <= 10
        others = [hash_distance(mine, perceptual_hash(other)) for other in PICTURES if other is not image]
        assert min(others) > 10


def test_the_hash_is_that_of_the_definition() -> None:
    """Against the cosine transform written out term by term."""
    grey = PICTURES[0].resize((32, 32), Image.Resampling.BOX).convert("L")
    pixels = np.asarray(grey, dtype=float)
    steps = (np.arange(32) + 0.5) * np.pi / 32
    spectrum = np.array(
        [
            [(pixels * np.cos(u * steps)[:, None] * np.cos(v * steps)[None, :]).sum() for v in range(1, 9)]
            for u in range(1, 9)
        ]
    ).ravel()
    bits = "".join("1" if value > np.median(spectrum) else "0" for value in spectrum)
    expected = int(bits, 2) - (1 << 64 if bits[0] == "1" else 0)
    assert perceptual_hash(grey.convert("RGB")) == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (31, 33), (64, 64), (4000, 70)])
def test_every_shape_has_a_signed_64_bit_hash(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert -(2**63) <= perceptual_hash(Image.fromarray(noise)) < 2**63


def test_pictures_of_one_colour_all_hash_to_zero() -> None:
    assert {perceptual_hash(Image.new("RGB", (300, 200), colour)) for colour in ("red", "black", "#7b3c51")} == {0}


def test_distances_count_bits_whatever_the_signs() -> None:
    pairs = [(0, -1), (-1, -1), (-(2**63), 0), (5, 6)]
    assert [hash_distance(*pair) for pair in pairs] == [64, 0, 1, 2]


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#000000", "black"),
        ("#101418", "black"),
        ("#808080", "grey"),
        ("#ffffff", "white"),
        ("#f4f4f0", "white"),
        ("#ff0000", "red"),
        ("#b01020", "red"),
        ("#ff8000", "orange"),
        ("#6b4423", "brown"),
        ("#ffe000", "yellow"),
        ("#00a000", "green"),
        ("#2e5a27", "green"),
        ("#0000ff", "blue"),
        ("#87ceeb", "blue"),
        ("#800080", "purple"),
        ("#ff69b4", "pink"),
        ("#ffc0cb", "pink"),
    ],
)
def test_colours_have_their_common_names(colour: str, name: str) -> None:
    assert dominant_colours(Image.new("RGB", (90, 70), colour)) == name


def test_the_largest_parts_come_first_and_small_ones_not_at_all() -> None:
    image = Image.new("RGB", (100, 100), "blue")
    image.paste((255, 255, 255), (0, 0, 100, 30))
    image.paste((255, 0, 0), (0, 0, 15, 15))
    assert dominant_colours(image) == "blue white"


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2)])
def test_every_shape_has_colours(size: tuple[int, int]) -> None:
    assert set(dominant_colours(Image.new("RGB", size, "green")).split()) <= set(COLOUR_NAMES)
