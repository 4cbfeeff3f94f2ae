"""Names the colours a picture mostly has, among the eleven basic ones of English."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .hashes import miniature

_LEAST_SHARE = 0.1
_MOST_COLOURS = 3
_KEPT_BITS, _DROPPED_BITS = 5, 3

COLOUR_NAMES = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink")
"""The basic colour terms of B. Berlin and P. Kay, "Basic Color Terms" (1969)."""

# Hues, of 256 steps around the circle, at which one name ends and the next begins.
_HUE_ENDS = np.array([10, 27, 46, 118, 178, 220, 240])
_BLACK, _GREY, _WHITE, _RED, _ORANGE, _BROWN, _YELLOW, _GREEN, _BLUE, _PURPLE, _PINK = range(len(COLOUR_NAMES))
_HUE_NAMES = np.array([_RED, _ORANGE, _YELLOW, _GREEN, _BLUE, _PURPLE, _PINK, _RED])


def dominant_colours(image: Image.Image) -> str:
    """Return up to three names of colours that cover a tenth of an RGB picture or more, the largest first.

    They are separated by blanks: "blue white".
    """
    red, green, blue = np.asarray(miniature(image), dtype=np.int64).reshape(-1, 3).T >> _DROPPED_BITS
    names = _table()[red << 2 * _KEPT_BITS | green << _KEPT_BITS | blue]
    shares = np.bincount(names, minlength=len(COLOUR_NAMES)) / names.size
    largest = np.argsort(-shares, kind="stable")[:_MOST_COLOURS]
    return " ".join(COLOUR_NAMES[name] for name in largest if shares[name] >= _LEAST_SHARE)


@cache
def _table() -> NDArray[np.int64]:
    """The name of every colour at five bits a channel, (32768,): looking up costs a tenth of thinking again."""
    levels = (np.arange(1 << _KEPT_BITS, dtype=np.uint8) << _DROPPED_BITS) + (1 << _DROPPED_BITS - 1)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    hue, saturation, value = np.asarray(Image.fromarray(colours).convert("HSV"), dtype=np.int64).reshape(-1, 3).T
    names = _HUE_NAMES[np.searchsorted(_HUE_ENDS, hue, side="right")]
    # What is dark or pale has another name: dark orange is brown, pale red is pink.
    names = np.where(np.isin(names, (_ORANGE, _YELLOW)) & (value < 150), _BROWN, names)
    names = np.where((names == _RED) & (hue <= 10) & (hue > 4) & (value < 120), _BROWN, names)
    names = np.where((names == _RED) & (saturation < 120) & (value > 170), _PINK, names)
    is_grey = saturation < np.where(value > 100, 38, 64)
    names = np.where(is_grey, np.where(value > 200, _WHITE, _GREY), names)
    return np.where(value < 45, _BLACK, names)
