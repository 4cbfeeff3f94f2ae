"""The picture at 32 x 32 pixels, from which its perceptual hash and its colours are taken."""

from __future__ import annotations

from PIL import Image

SIDE_PX = 32


def miniature(image: Image.Image) -> Image.Image:
    """Return an RGB picture squeezed to 32 x 32 pixels by averaging; one of that size is returned as it is."""
    if image.size == (SIDE_PX, SIDE_PX):
        return image
    # Whole steps first, which cost a fraction, down to twice the size.
    return image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)
