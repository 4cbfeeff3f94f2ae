"""Decodes a damaged picture as far as its data goes, and measures how much of it that is."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator

from PIL import Image, ImageFile

_FILLS = (128, 129)
"""Two greys to decode over; a row that comes out the same over both was decoded, whatever its colour."""


def salvage(reopen: Callable[[], ImageFile.ImageFile]) -> tuple[Image.Image, float]:
    """Return the picture, grey where nothing came, and the share of its rows that did, 0 to 1.

    Pillow forgives truncated files only by a switch for the whole process, and then can't tell how much was there.
    Rows are compared by checksum, so that one picture is held at a time.

    Args:
        reopen: opens the file anew, undecoded; of a format which Pillow decodes row by row into the picture.
    """
    checksums = list(_row_checksums(_partial(reopen(), _FILLS[0])))
    picture = _partial(reopen(), _FILLS[1])
    present = sum(one == other for one, other in zip(checksums, _row_checksums(picture), strict=True))
    return picture, present / picture.height


def _partial(image: ImageFile.ImageFile, fill: int) -> Image.Image:
    bands = len(image.getbands())
    image.im = Image.new(image.mode, image.size, (fill,) * bands if bands > 1 else fill).im
    with contextlib.suppress(Exception):  # it failed before, in one of a codec's many ways, and does so again
        image.load()
    image.tile = []  # without tiles it is a plain picture, never loaded again
    return image


def _row_checksums(image: Image.Image) -> Iterator[int]:
    for row in range(image.height):
        yield zlib.crc32(image.crop((0, row, image.width, row + 1)).tobytes())
