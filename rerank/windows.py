"""Where to look again in a picture: overlapping squares of a few sizes, laid over it evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .base import Box

MOST_ALONG: Final = 8
"""Squares of one size along one side of a picture, however long it is: a panorama is no reason to look a day."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Squares of one size: `share` of the picture's shorter side, at least `steps` of them along each side."""

    share: float
    steps: int


def boxes_in(width: int, height: int, sizes: tuple[Windows, ...]) -> list[Box]:
    """Lay squares of these sizes over a picture of `width` x `height` pixels, those of a size row by row.

    They are evenly spread from edge to edge. Where `steps` of them would leave gaps along the longer side, there are as
    many more as it takes, MOST_ALONG at most.
    """
    return [
        Box(left / width, top / height, (left + side) / width, (top + side) / height)
        for size in sizes
        for side in [size.share * min(width, height)]
        for top in _starts(height, side, size.steps)
        for left in _starts(width, side, size.steps)
    ]


def pixels_of(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the box's edges in pixels of a picture, as Pillow's `crop` wants them; never empty."""
    left, top = min(round(box.left * width), width - 1), min(round(box.top * height), height - 1)
    return left, top, max(round(box.right * width), left + 1), max(round(box.bottom * height), top + 1)


def _starts(length: int, side: float, steps: int) -> list[float]:
    room = length - side
    if room < _LEAST_ROOM:
        return [0.0]
    count = max(steps, min(math.ceil(room / side - _LEAST_ROOM) + 1, MOST_ALONG))
    return [room * step / (count - 1) for step in range(count)] if count > 1 else [room / 2.0]


_LEAST_ROOM: Final = 1e-9
