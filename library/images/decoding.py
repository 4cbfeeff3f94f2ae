"""Decodes bytes of any origin into an upright RGB picture, or says in a few words why not: the one place that does.

Safe in threads: no setting of Pillow is changed, and nothing is shared but a cache of colour transforms.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace

from PIL import Image, ImageFile

from ..errors import ImageUnreadable
from .formats import ImageFormat, identify, is_raw, missing_codec, raw_preview
from .jpeg import JpegLayout, read_layout
from .metadata.exif import overclaims
from .metadata.image_metadata import Metadata, image_metadata, tiff_metadata
from .png import LightPng, lightened
from .salvage import salvage
from .srgb import to_srgb

_END_OF_IMAGE = b"\xff\xd9"
_ENTROPY_PADDING = bytes(8)
"""libjpeg holds back the last rows of a file without an end marker while less than this follows them."""

_KEPT_SHARE = 0.9
"""A truncated picture is kept when this share of its rows is there; less would search for the grey below."""

_MOST_SCANS = 100
"""Usual progressive JPEGs have about 10 scans; thousands of empty ones are a known way to stall a decoder."""

_DRAFT_SCALES = (8, 4, 2, 1)
_SALVAGED = frozenset({"JPEG", "PNG", "BMP", "PNM"})
"""Formats that Pillow decodes row by row into the picture, so that a failure leaves the rows before it."""

_TURNED_BY_CONTAINER = frozenset({"AVIF", "HEIF"})

_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (CIPA DC-008, tag 0x0112)."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """How large a picture may be. Headers are believed to be lies: the check comes before any decoding.

    Attributes:
        max_pixels: of the whole picture. 512 million covers stitched panoramas; a JPEG of that size is
            decoded at an eighth, in the memory of a small one.
        max_decoded_pixels: held in memory at once. 160 million covers an A4 page scanned at 1200 dpi (139 million)
            and costs 640 MB at Pillow's four bytes a pixel; a panorama that can't be drafted is refused above it.
        max_bytes: of the file. 1 GiB covers that scan uncompressed at 16 bits.
    """

    max_pixels: int = 512_000_000
    max_decoded_pixels: int = 160_000_000
    max_bytes: int = 1 << 30


DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One picture: `image` is RGB and upright, possibly reduced; the rest describes the file.

    `width` and `height` are the original's pixels as displayed, after the orientation is applied; `metadata` is what
    the file says of it. `warning` says what is wrong with a picture that was kept nevertheless.
    """

    image: Image.Image
    format: str
    width: int
    height: int
    metadata: Metadata
    warning: str | None


@dataclass(frozen=True, slots=True)
class _Source:
    """The bytes of one file and how they are to be opened."""

    data: bytes
    path: str
    format: ImageFormat
    layout: JpegLayout | None


def decode(
    data: bytes, path: str, *, limits: DecodeLimits = DEFAULT_LIMITS, min_side_px: int | None = None
) -> DecodedImage:
    """Decode the bytes of one image file.

    Args:
        data: the whole file.
        path: named in errors; never opened, and its suffix has no say.
        limits: what is refused for its size.
        min_side_px: the picture may be reduced, while its shorter side stays at least this long; None keeps its size
            unless only a reduced one fits `limits`.

    Raises:
        ImageUnreadable: the bytes are not a picture, or not one that can be shown; nothing else is raised for them.
    """
    if min_side_px is not None and min_side_px < 1:
        message = f"min_side_px must be at least 1, not {min_side_px}"
        raise ValueError(message)
    try:
        return _decoded(data, path, limits, min_side_px)
    except ImageUnreadable:
        raise
    except Exception as error:
        # The one broad catch of the library. On hostile bytes Pillow and its codecs raise OSError, SyntaxError,
        # struct.error, ValueError, OverflowError, MemoryError, zlib.error, RecursionError, EOFError, KeyError,
        # TypeError, IndexError, ZeroDivisionError, AttributeError and more, and promise no list; each means the same.
        raise ImageUnreadable(path, _worded(error)) from error


def _decoded(data: bytes, path: str, limits: DecodeLimits, min_side_px: int | None) -> DecodedImage:
    if len(data) > limits.max_bytes:
        raise ImageUnreadable(
            path, f"{_amount(len(data), 'byte')} is over the limit of {_amount(limits.max_bytes, 'byte')}"
        )
    if is_raw(data, path):
        return _previewed(data, path, limits, min_side_px)
    known = identify(data, path)
    layout = read_layout(data) if known.name == "JPEG" else None
    light = lightened(data) if known.name == "PNG" else LightPng(data)
    source = _Source(light.data, path, known, layout)
    _refuse_traps(source)
    header = _opened(source)
    drafted_from = header.size
    scale = _draft_scale(source, drafted_from, limits, min_side_px)
    picture, warning = _loaded(source, header, scale)
    picture.info.update(light.info)
    width, height = drafted_from if layout else picture.size
    metadata = _metadata(source, picture)
    # Pillow turns a TIFF upright by itself while loading it; for the others it leaves that to us.
    turn = metadata.orientation if known.name != "TIFF" else 1
    factor = max(min(picture.size) // min_side_px, 1) if min_side_px else 1
    image = to_srgb(picture, factor)
    if turn in _TO_UPRIGHT:
        image = image.transpose(_TO_UPRIGHT[turn])
    if turn >= 5:
        width, height = height, width
    return DecodedImage(image, known.name, width, height, metadata, warning)


def _previewed(data: bytes, path: str, limits: DecodeLimits, min_side_px: int | None) -> DecodedImage:
    """Decode a RAW file's preview; what is known of the photograph is the RAW file's to say."""
    preview = raw_preview(data, path, limits.max_decoded_pixels)
    shown = _decoded(preview.data, path, limits, min_side_px)
    metadata = tiff_metadata(data)
    if metadata == Metadata():  # a kind that is not laid out as TIFF: the preview often has a copy
        metadata = replace(shown.metadata, orientation=preview.orientation)
    image = shown.image
    if shown.metadata.orientation == 1 and preview.orientation in _TO_UPRIGHT:
        image = image.transpose(_TO_UPRIGHT[preview.orientation])
    return DecodedImage(image, "RAW", preview.width, preview.height, metadata, shown.warning)


def _refuse_traps(source: _Source) -> None:
    """Refuse what would cost time or memory out of proportion while a decoder merely opens it."""
    tags = source.layout.exif if source.layout else source.data if source.format.name == "TIFF" else b""
    if overclaims(tags):
        raise ImageUnreadable(source.path, "its tags claim many times the data that is there")
    if source.layout and source.layout.scans > _MOST_SCANS:
        raise ImageUnreadable(
            source.path, f"{source.layout.scans} scans in one JPEG are over the limit of {_MOST_SCANS}"
        )


def _opened(source: _Source) -> ImageFile.ImageFile:
    try:
        return source.format.open(source.data)
    except ImportError as error:
        raise ImageUnreadable(source.path, missing_codec(source.format.name)) from error


def _draft_scale(source: _Source, size: tuple[int, int], limits: DecodeLimits, min_side_px: int | None) -> int:
    """Choose by how much the decoder itself shrinks the picture; raises ImageUnreadable when no scale is enough."""
    pixels = size[0] * size[1]
    if pixels > limits.max_pixels:
        raise ImageUnreadable(
            source.path, f"{_amount(pixels, 'pixel')} is over the limit of {_amount(limits.max_pixels, 'pixel')}"
        )
    can_draft = source.layout is not None and not source.layout.is_buffered
    if pixels > limits.max_decoded_pixels and not can_draft:
        raise ImageUnreadable(
            source.path,
            f"{_amount(pixels, 'pixel')} is over the limit of {_amount(limits.max_decoded_pixels, 'pixel')}"
            f" for a {source.format.name} of its kind, which can't be shrunk while decoding",
        )
    if source.layout is None:
        return 1
    wanted = next(scale for scale in _DRAFT_SCALES if scale == 1 or (min_side_px and min(size) // scale >= min_side_px))
    return next((s for s in reversed(_DRAFT_SCALES) if s >= wanted and pixels / s**2 <= limits.max_decoded_pixels), 8)


def _loaded(source: _Source, image: ImageFile.ImageFile, scale: int) -> tuple[Image.Image, str | None]:
    """Decode, keeping what a truncated file still holds when that is nearly all; a warning says so."""
    try:
        _drafted(image, scale).load()
    except MemoryError:
        raise
    except Exception as error:  # as broad as in `decode`, for the same reason
        if source.format.name not in _SALVAGED:
            raise
        if source.layout and source.layout.is_progressive:
            return _ended(source, scale), "truncated: fine detail is missing"
        image.close()  # one picture at a time: this one may be large
        padded = source.data + (_ENTROPY_PADDING if source.layout else b"")
        picture, share = salvage(lambda: _drafted(source.format.open(padded), scale))
        harm = "truncated" if "truncated" in str(error) else "damaged"
        what = f"{harm}: {math.floor(share * 100)}% of the picture is there"
        if share < _KEPT_SHARE:
            raise ImageUnreadable(source.path, what) from error
        return picture, what
    return image, None


def _ended(source: _Source, scale: int) -> Image.Image:
    """Decode a truncated progressive JPEG: it has every row, coarsely, when its last scans have begun."""
    if source.layout is None or not source.layout.is_refined:
        raise ImageUnreadable(source.path, "truncated: a progressive JPEG without its last scans")
    picture = _drafted(source.format.open(source.data + _END_OF_IMAGE), scale)
    picture.load()
    return picture


def _drafted(image: ImageFile.ImageFile, scale: int) -> ImageFile.ImageFile:
    if scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))
    return image


def _metadata(source: _Source, picture: Image.Image) -> Metadata:
    if source.format.name == "TIFF":
        return tiff_metadata(source.data)
    metadata = image_metadata(picture, source.layout.exif if source.layout else None)
    # AVIF's and HEIF's own properties turn the picture, and its readers say so in EXIF; XMP has no say (ISO 23008-12).
    own_turn = source.format.name in _TURNED_BY_CONTAINER and "exif" not in picture.info
    return replace(metadata, orientation=1) if own_turn else metadata


def _worded(error: Exception) -> str:
    """A few words for what a codec raised."""
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    # Pillow wraps what it meets at the end of a header into a SyntaxError.
    ends = (EOFError, IndexError, struct.error)
    if isinstance(error, ends) or isinstance(error.__cause__, ends) or "truncated" in str(error).casefold():
        return "truncated: too little of the file is there"
    words = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return f"damaged: {words[:120]}" if " " in words else f"damaged: {type(error).__name__} {words[:100]}".rstrip()


def _amount(count: int, unit: str) -> str:
    """Words such as "2.1 gigapixels" or "640 megabytes"."""
    for size, prefix in ((10**9, "giga"), (10**6, "mega"), (10**3, "kilo")):
        if count >= size:
            return f"{count / size:,.{1 if count < 10 * size else 0}f} {prefix}{unit}s"
    return f"{count} {unit}s"
