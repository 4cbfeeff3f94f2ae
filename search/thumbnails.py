"""Small pictures of answers, for sheets, pages and terminals."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw

from ..library.errors import ImageUnreadable
from ..library.images.decoding import DEFAULT_LIMITS, decode
from ..library.images.sources import read_bytes

_NOTHING_COLOUR = (224, 224, 224)
_JPEG_QUALITY = 82


def thumbnail(path: Path, side_px: int) -> Image.Image:
    """Return the picture in a file, upright, RGB, no side above `side_px`; a crossed tile where it cannot be read."""
    try:
        image = decode(read_bytes(str(path), DEFAULT_LIMITS.max_bytes), str(path), min_side_px=side_px).image
    except (ImageUnreadable, OSError):
        return crossed(side_px)
    small = image.copy()
    small.thumbnail((side_px, side_px))
    return small


def jpeg_bytes(image: Image.Image) -> bytes:
    """Encode an RGB picture as JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    """Encode an RGB picture as PNG."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def crossed(side_px: int) -> Image.Image:
    """Return what stands for a picture that cannot be read."""
    tile = Image.new("RGB", (side_px, side_px), _NOTHING_COLOUR)
    draw = ImageDraw.Draw(tile)
    draw.line((0, 0, side_px, side_px), fill="gray", width=2)
    draw.line((0, side_px, side_px, 0), fill="gray", width=2)
    return tile
