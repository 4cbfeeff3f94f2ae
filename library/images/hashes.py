"""Hashes of an image: of its bytes, and a perceptual one that survives resizing, recompressing and retouching.

The hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1: the
signs, against their median, of the 8 x 8 lowest frequencies of the picture in grey at 32 x 32, its mean left out. Two
pictures are alike when few bits differ: among unrelated ones about 32 of 64 do, among copies fewer than 10.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

HASH_BYTES: Final = 20
"""BLAKE2b-160: among a billion files, two of them share a hash by chance once in 10^30 libraries."""


_READ_BLOCK_BYTES: Final = 1 << 20


def hash_bytes(data: bytes) -> str:
    """Return the content hash of a file's bytes, as `images.content_hash` holds it."""
    return hashlib.blake2b(data, digest_size=HASH_BYTES).hexdigest()


def hash_file(path: str) -> str | None:
    """Return the content hash of a file, None when it cannot be read."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    try:
        with Path(path).open("rb") as stream:
            while block := stream.read(_READ_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


SIDE_PX = 32


def miniature(image: Image.Image) -> Image.Image:
    """Return an RGB picture squeezed to 32 x 32 pixels by averaging; one of that size is returned as it is."""
    if image.size == (SIDE_PX, SIDE_PX):
        return image
    # Whole steps first, which cost a fraction, down to twice the size.
    return image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)


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
