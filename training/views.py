"""How well a picture finds itself again: squeezed, mirrored, or with other colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from ..library.embedders.mini import MiniEmbedder, Seen, squeezed
from ..library.types import Vectors

_Seen = TypeVar("_Seen")


def _cut(picture: Image.Image) -> Image.Image:
    """The upper left, at four fifths of the sides: two thirds of the area."""
    return picture.crop((0, 0, max(1, picture.width * 4 // 5), max(1, picture.height * 4 // 5)))


def _tinted(picture: Image.Image) -> Image.Image:
    """Warmer and darker: the channels times 1, 0.85 and 0.65."""
    gains = np.array([1.0, 0.85, 0.65])
    return Image.fromarray((np.asarray(picture) * gains).astype(np.uint8))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "crop": _cut,
    "mirror": ImageOps.mirror,
    "colour": _tinted,
}


def view_features(model: MiniEmbedder, pictures: Sequence[Image.Image]) -> dict[str, Seen]:
    """What the tower says of the pictures as they are (`same`) and under each change."""
    views = {"same": list(pictures)}
    views |= {name: [change(picture) for picture in pictures] for name, change in CHANGES.items()}
    return {name: model.look(np.stack([squeezed(picture) for picture in changed])) for name, changed in views.items()}


def view_recall(seen: Mapping[str, _Seen], embed: Callable[[_Seen], Vectors]) -> dict[str, float]:
    """For each change, the share of changed pictures whose nearest neighbour is their own original."""
    originals = embed(seen["same"])
    numbers = np.arange(len(originals))
    return {
        name: float(np.mean((embed(changed) @ originals.T).argmax(axis=1) == numbers))
        for name, changed in seen.items()
        if name != "same"
    }
