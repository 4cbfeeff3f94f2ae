"""Tells from a file's first bytes what it is, and opens it: photographs' formats, and camera RAW by its preview.

Pillow's general `Image.open` is not used: it tries formats that run interpreters or embed others (EPS, WMF, FPX), and
its pixel limit is one mutable number for the whole process. Signatures are those of the formats' specifications.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from PIL import Image, ImageFile

from ..errors import ImageUnreadable

if TYPE_CHECKING:
    import rawpy


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A format photoseek decodes: its name, its first bytes, and the class that reads it."""

    name: str
    signature: re.Pattern[bytes]
    module: str
    class_name: str

    def open(self, data: bytes) -> ImageFile.ImageFile:
        """Read the header; decodes nothing. Raises whatever the bytes provoke, ImportError without the codec."""
        reader: Callable[[IO[bytes]], ImageFile.ImageFile] = getattr(
            importlib.import_module(self.module), self.class_name
        )
        return reader(io.BytesIO(data))


def _format(name: str, signature: bytes, module: str, class_name: str) -> ImageFormat:
    return ImageFormat(name, re.compile(signature, re.DOTALL), module, class_name)


_HEIF = _format(
    "HEIF",
    rb".{4}ftyp(hei[cxms]|hev[cxms]|.{8,60}?(heic|heix|mif1))",
    "pillow_heif",
    "HeifImageFile",
)

FORMATS = (
    _format("JPEG", rb"\xff\xd8\xff", "PIL.JpegImagePlugin", "JpegImageFile"),
    _format("PNG", rb"\x89PNG\r\n\x1a\n", "PIL.PngImagePlugin", "PngImageFile"),
    _format("WEBP", rb"RIFF.{4}WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
    _format("GIF", rb"GIF8[79]a", "PIL.GifImagePlugin", "GifImageFile"),
    _format("TIFF", rb"II[*+]\0|MM\0[*+]", "PIL.TiffImagePlugin", "TiffImageFile"),
    _format("BMP", rb"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    _format("PNM", rb"P[1-6f]\s", "PIL.PpmImagePlugin", "PpmImageFile"),
    _format("ICO", rb"\0\0\x01\0", "PIL.IcoImagePlugin", "IcoImageFile"),
    _format(
        "JPEG2000",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "PIL.Jpeg2KImagePlugin",
        "Jpeg2KImageFile",
    ),
    _format("AVIF", rb".{4}ftyp(avi[fs]|mif1.{4,56}?avi[fs])", "PIL.AvifImagePlugin", "AvifImageFile"),
    _HEIF,
)

_EXTRAS = {
    "HEIF": "HEIC/HEIF needs the extra `photoseek[heif]`: pip install 'photoseek[heif]'",
    "AVIF": "AVIF needs Pillow 11.3 or later: pip install -U pillow",
}

_NOT_IMAGES = tuple(
    (re.compile(signature, re.DOTALL | re.IGNORECASE), what)
    for signature, what in (
        (rb"\x7fELF|MZ.{58}", "is a program"),
        (rb"\x1f\x8b|PK\x03\x04|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd", "is a compressed archive"),
        (rb"%PDF", "is a PDF document"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "is a PostScript document"),
        (rb"8BPS", "is a Photoshop document"),
        (rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", "is a video"),
        (rb"RIFF.{4}WAVE|ID3|OggS|fLaC", "is a sound file"),
        (rb"\s*(<\?xml.*?|<!--.*?)?<svg[\s>]", "is an SVG drawing, not a photograph"),
        (rb"\s*(<!doctype html|<html|<head|<body)", "is a web page"),
    )
)


def identify(data: bytes, path: str) -> ImageFormat:
    """Find the format of `data` by its first bytes; the file's name has no say.

    Raises:
        ImageUnreadable: it is empty, or something else than an image photoseek knows.
    """
    for known in FORMATS:
        if known.signature.match(data):
            return known
    raise ImageUnreadable(path, _what_else(data))


def missing_codec(name: str) -> str:
    """The reason when the format's reader cannot be imported, with the remedy."""
    return _EXTRAS.get(name, f"this Pillow reads no {name}: pip install -U pillow")


def _what_else(data: bytes) -> str:
    if not data:
        return "empty file"
    head = data[:4096]
    for signature, what in _NOT_IMAGES:
        if signature.match(head):
            return what
    if not head.strip(b"\0"):
        return "holds nothing but zeros"
    if _is_text(head):
        return "is a text file"
    return "not an image photoseek knows"


def _is_text(head: bytes) -> bool:
    # The cut at 4 KiB may fall inside a character of up to four bytes.
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)
    return False


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
