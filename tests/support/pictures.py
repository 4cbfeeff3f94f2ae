"""Draws pictures of named colours and reads them back, so that tests can say what they see."""

from __future__ import annotations

import numpy as np
from PIL import Image

from photoseek.library.images.decoding import decode
from photoseek.library.types import Pixels
from photoseek.tests.support.hostile import encoded

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, BLACK, YELLOW = (255, 255, 255), (0, 0, 0), (255, 255, 0)
COLOURS = {"R": RED, "G": GREEN, "B": BLUE, "W": WHITE, "K": BLACK, "Y": YELLOW}

UPRIGHT = "RG/BW/KY"
"""Six colours, no two ways of turning it alike."""


def picture(drawing: str, block: int = 1) -> Image.Image:
    """Draw "RG/BW" as a 2 x 2 picture, each letter a square of `block` pixels."""
    pixels = np.array([[COLOURS[letter] for letter in row] for row in drawing.split("/")], dtype=np.uint8)
    return Image.fromarray(pixels.repeat(block, axis=0).repeat(block, axis=1))


def drawing_of(image: Image.Image, block: int = 1) -> str:
    """Name the colour at the middle of each square; the inverse of `picture`."""
    pixels = np.asarray(image).astype(int)[block // 2 :: block, block // 2 :: block]
    names = list(COLOURS)
    table = np.array([COLOURS[name] for name in names])
    distances = np.abs(pixels[:, :, None, :] - table).max(axis=-1)
    assert distances.min(axis=-1).max() <= 12
    return "/".join("".join(names[i] for i in row) for row in distances.argmin(axis=-1))


def pixels_of(data: bytes) -> Pixels:
    image = decode(data, "p").image
    assert image.mode == "RGB"
    return np.asarray(image)


def colours_of(image: Image.Image, kind: str = "PNG", **options: object) -> list[tuple[int, ...]]:
    """Encode, decode, and list the colours of the first row."""
    return [tuple(int(v) for v in pixel) for pixel in pixels_of(encoded(image, kind, **options))[0]]
