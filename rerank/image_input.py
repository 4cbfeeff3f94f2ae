"""The library's images as models are shown them: read again, checked against the catalogue, and reduced."""

from __future__ import annotations

from typing import Final

from PIL import Image

from ..library.errors import ImageUnreadable
from ..library.images.decoding import DEFAULT_LIMITS, decode
from ..library.images.hashes import hash_bytes
from ..library.images.sources import read_bytes


def read_image(path: str, side_px: int, content_hash: str | None = None) -> tuple[Image.Image, str]:
    """Read one picture, upright RGB, its shorter side reduced to no less than `side_px`; and its content hash.

    Args:
        path: a file, or an archive's member.
        side_px: how large it must at least be shown, if it is.
        content_hash: what its content was when it was indexed, if that matters.

    Raises:
        ImageUnreadable: it is not there, no picture, or another one than was indexed.
    """
    try:
        data = read_bytes(path, DEFAULT_LIMITS.max_bytes)
    except OSError as error:
        raise ImageUnreadable(path, f"cannot be read: {error.strerror or error}") from error
    found = hash_bytes(data)
    if content_hash is not None and found != content_hash:
        raise ImageUnreadable(path, "has changed since it was indexed: run `photoseek index` again")
    return decode(data, path, min_side_px=side_px).image, found


SIDE_PX: Final = 720
"""Longest side of a picture that is shown to a model: more costs tokens, and answers hardly change."""


def resize_for_vlm(image: Image.Image) -> Image.Image:
    """Reduce a picture to the side that models are shown; a smaller one stays as it is, the same object."""
    if max(image.size) <= SIDE_PX:
        return image
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return small
