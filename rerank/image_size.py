"""Pictures as models are shown them."""

from __future__ import annotations

from typing import Final

from PIL import Image

SIDE_PX: Final = 720
"""Longest side of a picture that is shown to a model: more costs tokens, and answers hardly change."""


def resize_for_vlm(image: Image.Image) -> Image.Image:
    """Reduce a picture to the side that models are shown; a smaller one stays as it is, the same object."""
    if max(image.size) <= SIDE_PX:
        return image
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return small
