"""An embedder whose vectors can be told by hand: red, green and blue are its axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from photoseek.library.embedders.base import ModelSpec, normalized
from photoseek.library.types import Pixels, Vectors

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SIDE_PX = 8


class ColourEmbedder:
    """Embeds an image as its mean colour and a text as the sum of the colours it names.

    `images_embedded` counts the images put through it.
    """

    def __init__(self, key: str = "colours@1") -> None:
        self.spec = ModelSpec(
            key=key,
            name=key.partition("@")[0],
            dim=3,
            image_size=SIDE_PX,
            text_limit=77,
            source="tests",
            licence="Apache-2.0",
        )
        self.images_embedded = 0

    def preprocess(self, image: Image.Image) -> Pixels:
        return np.asarray(image.resize((SIDE_PX, SIDE_PX)), dtype=np.uint8)

    def embed_images(self, pixels: Pixels) -> Vectors:
        self.images_embedded += len(pixels)
        return normalized(pixels.mean(axis=(1, 2)).astype(np.float32))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        named = [[COLOURS[word] for word in COLOURS if word in text] or [(0, 0, 0)] for text in texts]
        return normalized(np.array([np.sum(colours, axis=0) for colours in named], dtype=np.float32))


def paint(path: Path, colour: str | tuple[int, int, int], size: tuple[int, int] = (12, 10)) -> Path:
    """Write a picture of one colour, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, COLOURS[colour] if isinstance(colour, str) else colour).save(path)
    return path
