"""A picture's perceptual hash: 64 bits that stay nearly the same when it is resized, recompressed or retouched.

The hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1: the
signs, against their median, of the 8 x 8 lowest frequencies of the picture in grey at 32 x 32, its mean left out. Two
pictures are alike when few bits differ: among unrelated ones about 32 of 64 do, among copies fewer than 10.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .miniature import SIDE_PX, miniature

_FREQUENCIES = 8

# Rows 1 to 8 of the DCT-II matrix; its scale does not matter to signs.
_COSINES = np.cos(
    np.pi / SIDE_PX * np.outer(np.arange(1, _FREQUENCIES + 1), np.arange(SIDE_PX) + 0.5), dtype=np.float64
)
_FLAT = 1e-6
"""Below this, a coefficient is rounding: pictures of one colour must not get hashes of noise."""


def perceptual_hash(image: Image.Image) -> int:
    """Return the hash of an upright RGB picture as a signed 64-bit number, as SQL stores it; 0 for a single colour."""
    grey = np.asarray(miniature(image).convert("L"), dtype=np.float64)
    spectrum = (_COSINES @ grey @ _COSINES.T).ravel()
    spectrum[np.abs(spectrum) < _FLAT] = 0.0
    bits = np.packbits(spectrum > np.median(spectrum)).tobytes()
    return int.from_bytes(bits, "big", signed=True)


def hash_distance(one: int, other: int) -> int:
    """Return how many of the 64 bits of two hashes differ."""
    return ((one ^ other) & (1 << 64) - 1).bit_count()
