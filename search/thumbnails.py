"""Small images of answers, for sheets, pages and terminals: kitty's, iTerm2's and sixel's protocols."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..library.errors import ImageUnreadable
from ..library.images.decoding import DEFAULT_LIMITS, decode
from ..library.images.sources import read_bytes
from ..library.settings import Graphics

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


_KITTY_CHUNK = 4096
_SIXEL_COLOURS = 64


def inline_image(image: Image.Image, graphics: Graphics) -> str:
    """Return what to print so that a terminal shows a small RGB picture and ends the line."""
    if graphics == "kitty":
        return "".join(_kitty(png_bytes(image))) + "\n"
    if graphics == "iterm2":
        data = png_bytes(image)
        size = f"size={len(data)};width={image.width}px;height={image.height}px"
        return f"\x1b]1337;File=inline=1;{size}:{base64.b64encode(data).decode()}\x07\n"
    return sixel(image) + "\n"


def sixel(image: Image.Image) -> str:
    """Encode an RGB picture in sixels: bands of six rows, each drawn once per colour (DEC STD 070, chapter 9)."""
    paletted = image.quantize(_SIXEL_COLOURS)
    levels = np.array(paletted.getpalette() or [], dtype=np.int64).reshape(-1, 3) * 100 // 255
    pixels = np.asarray(paletted)
    parts = [f'\x1bPq"1;1;{image.width};{image.height}']
    parts += [f"#{number};2;{red};{green};{blue}" for number, (red, green, blue) in enumerate(levels.tolist())]
    for top in range(0, len(pixels), 6):
        band = pixels[top : top + 6]
        weights = 1 << np.arange(len(band))
        for number in np.unique(band).tolist():
            parts.append(f"#{number}" + _run_lengths((band == number).T @ weights) + "$")
        parts.append("-")
    return "".join(parts) + "\x1b\\"


def _run_lengths(sixels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    """Write a row of sixel values, 0 to 63, repeats as `!COUNT`."""
    starts = np.flatnonzero(np.diff(sixels, prepend=-1))
    lengths = np.diff(starts, append=len(sixels))
    return "".join(
        f"!{length}{chr(63 + value)}" if length > 3 else chr(63 + value) * length
        for value, length in zip(sixels[starts].tolist(), lengths.tolist(), strict=True)
    )


def _kitty(data: bytes) -> Iterator[str]:
    encoded = base64.b64encode(data).decode()
    for start in range(0, len(encoded), _KITTY_CHUNK):
        more = int(start + _KITTY_CHUNK < len(encoded))
        control = f"f=100,a=T,m={more}" if start == 0 else f"m={more}"
        yield f"\x1b_G{control};{encoded[start : start + _KITTY_CHUNK]}\x1b\\"
