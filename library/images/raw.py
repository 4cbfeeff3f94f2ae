"""Opens camera RAW files by the preview that the camera put into them; the sole user of rawpy, imported when needed."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from ..errors import ImageUnreadable

if TYPE_CHECKING:
    import rawpy

RAW_SUFFIXES = frozenset(
    [".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".sr2", ".orf", ".raf", ".rw2", ".pef", ".srw"]
)

_OWN_SIGNATURES = re.compile(rb"FUJIFILMCCD-RAW|.{4}ftypcrx |II(RO|RS)|MMOR|IIU\0|II\*\0.{4}CR\x02", re.DOTALL)
"""Of RAF, CR3, ORF, RW2 and CR2. The others begin as any TIFF does."""

_TIFF = re.compile(rb"II\*\0|MM\0\*")
_DNG_VERSION = re.compile(rb"(\x12\xc6\x01\0\x04\0\0\0|\xc6\x12\0\x01\0\0\0\x04)[\0\1]")
"""The entry of tag 50706, four bytes, in either byte order, and the first of its values (DNG 1.7, chapter 4)."""

_HEAD_BYTES = 64 << 10
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}
"""EXIF's orientations for LibRaw's flips."""

_LEAST_PREVIEW_PX = 320
"""Cameras' stamps are 160 x 120 pixels or so, their previews a thousand and more."""

_NEEDS_EXTRA = "camera RAW needs the extra `photoseek[raw]`: pip install 'photoseek[raw]'"


@dataclass(frozen=True, slots=True)
class RawPreview:
    """The picture in a RAW file: `data` is itself an encoded picture.

    `width` and `height` are those of the photograph as displayed; `orientation` is EXIF's, 1-8, and says how to turn
    `data` unless that says so itself.
    """

    data: bytes
    width: int
    height: int
    orientation: int


def is_raw(data: bytes, path: str) -> bool:
    """Whether these are the bytes of a RAW file. Most kinds are TIFF files, which only their names tell from others."""
    if _OWN_SIGNATURES.match(data):
        return True
    if not _TIFF.match(data):
        return False
    suffix = path[path.rfind(".") :].lower()
    return suffix in RAW_SUFFIXES or _DNG_VERSION.search(data, 0, _HEAD_BYTES) is not None


def raw_preview(data: bytes, path: str, max_pixels: int) -> RawPreview:
    """Return the largest preview in a RAW file; without one, the sensor's picture, developed at half its size.

    Args:
        data: the whole file.
        path: named in errors.
        max_pixels: of a picture to develop.

    Raises:
        ImageUnreadable: rawpy is not installed, or the picture is too large. LibRaw raises errors of its own.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageUnreadable(path, _NEEDS_EXTRA) from error
    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        width, height = (sizes.iheight, sizes.iwidth) if sizes.flip in {5, 6} else (sizes.iwidth, sizes.iheight)
        orientation = _ORIENTATIONS.get(sizes.flip, 1)
        preview = _thumbnail(raw)
        if preview is None or not _is_large(preview, min(width, height)):
            if width * height > max_pixels:
                raise ImageUnreadable(path, f"{width} x {height} pixels without a large preview are over the limit")
            preview = _encoded(Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, user_flip=0)))
    return RawPreview(preview, width, height, orientation)


def _thumbnail(raw: rawpy.RawPy) -> bytes | None:
    """The largest preview, encoded; None when there is none that LibRaw can take out."""
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    return thumbnail.data if isinstance(thumbnail.data, bytes) else _encoded(Image.fromarray(thumbnail.data))


def _is_large(preview: bytes, side_px: int) -> bool:
    """Whether a preview shows enough of a photograph whose shorter side is `side_px`: some files hold a stamp alone."""
    with Image.open(io.BytesIO(preview), formats=("JPEG", "PPM")) as image:
        return min(image.size) >= min(_LEAST_PREVIEW_PX, side_px // 4)


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PPM")
    return buffer.getvalue()
