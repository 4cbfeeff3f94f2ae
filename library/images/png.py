"""Makes a PNG light enough to open: compressed words and colour profiles are bounded here, where Pillow refuses all."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_SIGNATURE_BYTES: Final = 8
_FRAME_BYTES: Final = 12
"""A chunk's length and name before its content, and its checksum after."""

_PILLOWS_BYTES: Final = 1 << 20
"""Pillow refuses a picture in which one of these chunks holds more (PngImagePlugin.MAX_TEXT_CHUNK)."""

_ALL_TEXT_BYTES: Final = 16 << 20
"""What all words together may hold before the rest of them is passed by; Pillow refuses at four times as much."""

_MOST_BYTES: Final = {b"iTXt": 4 << 20, b"iCCP": 16 << 20}
"""What is read of a packet of XMP, as everywhere, and of a colour profile: those of printers have some megabytes."""

_XMP_KEYWORD: Final = b"XML:com.adobe.xmp"
_WORDS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


@dataclass(frozen=True, slots=True)
class LightPng:
    """A PNG less the chunks that Pillow would refuse it for, and what was read of them, named as in `Image.info`."""

    data: bytes
    info: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    end: int
    content: memoryview


def lightened(data: bytes) -> LightPng:
    """Take heavy words and profiles out of a PNG; one that has none is returned as it is, uncopied."""
    heavy: list[_Chunk] = []
    info: dict[str, bytes] = {}
    text_bytes = 0
    for chunk in _chunks(data):
        if chunk.name not in _WORDS and chunk.name != b"iCCP":
            continue
        packed = _packed(chunk)
        size_bytes = len(chunk.content) if packed is None else len(_unpacked(packed, _PILLOWS_BYTES + 1))
        if chunk.name in _WORDS:
            text_bytes += size_bytes
        if size_bytes <= _PILLOWS_BYTES and text_bytes <= _ALL_TEXT_BYTES:
            continue
        heavy.append(chunk)
        info |= _read(chunk, packed)
    if not heavy:
        return LightPng(data)
    kept, place = bytearray(), 0
    for chunk in heavy:
        kept += data[place : chunk.start]
        place = chunk.end
    return LightPng(bytes(kept + data[place:]), info)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks that are there whole."""
    view, place = memoryview(data), _SIGNATURE_BYTES
    while place + _FRAME_BYTES <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + _FRAME_BYTES + length
        if end > len(data):
            return
        yield _Chunk(name, place, end, view[place + 8 : end - 4])
        place = end


def _packed(chunk: _Chunk) -> memoryview | None:
    """Return the compressed part of a chunk, None where nothing in it is (PNG specification, 11.3.3 and 11.3.4)."""
    head = bytes(chunk.content[:1024])
    keyword = head.find(b"\0")
    if keyword < 0 or chunk.name == b"tEXt":
        return None
    if chunk.name != b"iTXt":
        return chunk.content[keyword + 2 :]
    if head[keyword + 1 : keyword + 2] != b"\1":
        return None
    return chunk.content[_text_start(head, keyword) :]


def _text_start(head: bytes, keyword: int) -> int:
    """Return where an iTXt's text begins: behind two flags, a language and a translated keyword."""
    language = head.find(b"\0", keyword + 3)
    return head.find(b"\0", language + 1) + 1 if language >= 0 else len(head)


def _unpacked(packed: memoryview, most_bytes: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, most_bytes)
    except zlib.error:
        return b""


def _read(chunk: _Chunk, packed: memoryview | None) -> dict[str, bytes]:
    """Return what of a heavy chunk is of use and within bounds."""
    most_bytes = _MOST_BYTES.get(chunk.name, 0)
    if chunk.name == b"iTXt" and bytes(chunk.content[: len(_XMP_KEYWORD) + 1]) != _XMP_KEYWORD + b"\x00":
        return {}
    if packed is None:
        head = bytes(chunk.content[:1024])
        start = _text_start(head, head.find(b"\0")) if chunk.name == b"iTXt" else 0
        content = bytes(chunk.content[start : start + most_bytes + 1])
    else:
        content = _unpacked(packed, most_bytes + 1)
    if not content or len(content) > most_bytes:
        return {}
    return {"icc_profile" if chunk.name == b"iCCP" else "xmp": content}
