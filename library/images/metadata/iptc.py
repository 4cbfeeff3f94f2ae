"""Reads the words of IPTC-IIM records, as they lie in Photoshop's resources or bare, without raising on any bytes.

Datasets are 0x1C, record, number, a 16-bit length, the value (IPTC-NAA Information Interchange Model 4.2, chapter 1.5);
resources are "8BIM", a 16-bit id, a padded name, a 32-bit length and the padded data (Adobe Photoshop File Formats
Specification, "Image Resource Blocks").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .image_text import ImageText, texts_of

_RESOURCE_MARK = b"8BIM"
_IPTC_RESOURCE = 0x0404
_DATASET_MARK = 0x1C
_ENVELOPE, _APPLICATION = 1, 2
_CHARACTER_SET = 90
_TITLE, _KEYWORD, _HEADLINE, _CAPTION = 5, 25, 105, 120
_UTF_8 = b"\x1b%G"
"""The escape sequence of ISO 2022 that announces UTF-8."""

_MOST_DATASETS = 1_000


@dataclass(frozen=True, slots=True)
class _Dataset:
    record: int
    number: int
    value: bytes


def iptc_in_photoshop(data: bytes) -> bytes:
    """Return the IPTC block of Photoshop's image resources, empty when there is none."""
    position = data.find(_RESOURCE_MARK)
    while position >= 0 and position + 12 <= len(data) and data[position : position + 4] == _RESOURCE_MARK:
        (resource,) = struct.unpack_from(">H", data, position + 4)
        # The name is a length byte and its characters, padded to an even number of bytes.
        start = position + 6 + (data[position + 6] + 2) // 2 * 2
        if start + 4 > len(data):
            return b""
        (size,) = struct.unpack_from(">L", data, start)
        if resource == _IPTC_RESOURCE:
            return data[start + 4 : start + 4 + size]
        position = start + 4 + (size + 1) // 2 * 2
    return b""


def read_iptc(data: bytes) -> list[ImageText]:
    """Return the title, caption and keywords of an IPTC block."""
    datasets = list(_datasets(data))
    is_utf8 = any((d.record, d.number, d.value) == (_ENVELOPE, _CHARACTER_SET, _UTF_8) for d in datasets)

    def bodies(*numbers: int) -> list[str]:
        values = (d.value for d in datasets if d.record == _APPLICATION and d.number in numbers)
        return [_decoded(value, is_utf8=is_utf8) for value in values]

    return [
        *texts_of("iptc", "title", bodies(_TITLE, _HEADLINE)),
        *texts_of("iptc", "caption", bodies(_CAPTION)),
        *texts_of("iptc", "keyword", bodies(_KEYWORD)),
    ]


def _datasets(data: bytes) -> Iterator[_Dataset]:
    position = 0
    for _ in range(_MOST_DATASETS):
        if position + 5 > len(data) or data[position] != _DATASET_MARK:
            return
        record, number, size = struct.unpack_from(">BBH", data, position + 1)
        start = position + 5
        # A set highest bit announces a length of several bytes, for values larger than any we keep.
        if size > 0x7FFF or start + size > len(data):
            return
        yield _Dataset(record, number, data[start : start + size])
        position = start + size


def _decoded(value: bytes, *, is_utf8: bool) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        # Undeclared bytes are what the writer's system used, most often Western.
        return value.decode("utf-8" if is_utf8 else "cp1252", errors="replace").replace("\ufffd", " ")
