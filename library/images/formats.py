"""Tells from a file's first bytes what it is, and opens the formats fit for photographs, each with its own class.

Pillow's general `Image.open` is not used: it tries formats that run interpreters or embed others (EPS, WMF, FPX), and
its pixel limit is one mutable number for the whole process. Signatures are those of the formats' specifications.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from PIL import ImageFile

from ..errors import ImageUnreadable


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
