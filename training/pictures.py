"""Ordinary pictures for calibration and tests, none of them from an evaluation set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..library.embedders.mini import squeezed
from ..library.types import Pixels

SAMPLE_PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "hubble_deep_field")
"""Colour photographs of scikit-image that come with the package itself."""

PEOPLE = ("astronaut",)
"""Those of people, whom no class names: nothing may pin them to the classes of what they wear."""


def sample_photographs(without: Collection[str] = ()) -> Iterator[Image.Image]:
    """Yield scikit-image's own colour photographs, but for those named."""
    import skimage.data

    for name in (name for name in SAMPLE_PHOTOGRAPHS if name not in without):
        yield Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


def on_background(picture: Image.Image, colour: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """Lay a picture that may be transparent on one colour."""
    layer = picture.convert("RGBA")
    sheet = Image.new("RGBA", layer.size, (*colour, 255))
    return Image.alpha_composite(sheet, layer).convert("RGB")


def calibration_pixels(stamps: Path, count: int, seed: int) -> Pixels:
    """Return (n, 260, 260, 3) uint8: random crops of the sample photographs, and stamps on random colours.

    Args:
        stamps: folder of PNG pictures, many of them cut-out photographs, searched recursively.
        count: how many pictures of each of the two sources.
        seed: of the random choices.
    """
    chance = np.random.default_rng(seed)
    photographs = list(sample_photographs())
    pixels = []
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        pixels.append(squeezed(random_crop(photograph, chance)))
    paths = sorted(stamps.rglob("*.png"))
    for index in chance.choice(len(paths), size=count, replace=False):
        with Image.open(paths[index]) as picture:
            red, green, blue = chance.integers(0, 256, size=3).tolist()
            pixels.append(squeezed(on_background(picture, (red, green, blue))))
    return np.stack(pixels)


def varied(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Lay a cut-out picture on a random pale colour, smaller than the sheet, mirrored every other time."""
    colour = chance.integers(128, 256, size=3)
    side = int(max(picture.size) * chance.uniform(1.0, 1.6))
    sheet = Image.new("RGB", (side, side), (int(colour[0]), int(colour[1]), int(colour[2])))
    left, top = (int(chance.integers(0, side - length + 1)) for length in picture.size)
    layer = picture.convert("RGBA")
    sheet.paste(layer, (left, top), layer)
    return sheet.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance.random() < 0.5 else sheet


def random_crop(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """A random square of a third to all of the shorter side, mirrored every other time."""
    side = int(min(picture.size) * chance.uniform(1 / 3, 1))
    left = int(chance.integers(0, picture.width - side + 1))
    top = int(chance.integers(0, picture.height - side + 1))
    crop = picture.crop((left, top, left + side, top + side))
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance.random() < 0.5 else crop
