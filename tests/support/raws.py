"""Builds RAW files as cameras lay them out: a small first picture, the sensor's samples, and a JPEG to preview them."""

from __future__ import annotations

import struct
from typing import TypeAlias

import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
_Directory: TypeAlias = dict[int, tuple[int, bytes | list[int]]]
_CODES = {1: "B", 3: "H", 4: "L"}


def dng(preview: bytes | None, *, orientation: int = 1, version: bool = True) -> bytes:
    """Build a DNG of a grey sensor of 96 x 64 pixels; its first picture is a blue thumbnail of 8 x 8 pixels.

    Args:
        preview: a JPEG put beside the sensor's samples, or None.
        orientation: EXIF's.
        version: whether the tag that marks a DNG is there; without it, only the name tells the file from a TIFF.
    """
    width, height = 96, 64
    thumbnail = bytes((0, 0, 255)) * 64
    samples = np.full((height, width), 20_000, dtype="<u2").tobytes()
    main: _Directory = {
        254: (4, [1]), 256: (4, [8]), 257: (4, [8]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2]),
        271: (2, b"Acme\0"), 272: (2, b"Raw One\0"), 273: (4, [0]), 274: (3, [orientation]), 277: (3, [3]),
        278: (4, [8]), 279: (4, [len(thumbnail)]), 306: (2, b"2024:05:06 07:08:09\0"),
        330: (4, [0] * (1 if preview is None else 2)),
        50708: (2, b"Acme Raw One\0"), 50721: (10, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        50728: (5, [1, 1, 1, 1, 1, 1]), 50778: (3, [21]),
    }  # fmt: skip
    if version:
        main[50706] = (1, [1, 4, 0, 0])
    sensor: _Directory = {
        254: (4, [0]), 256: (4, [width]), 257: (4, [height]), 258: (3, [16]), 259: (3, [1]), 262: (3, [32803]),
        273: (4, [0]), 277: (3, [1]), 278: (4, [height]), 279: (4, [len(samples)]), 33421: (3, [2, 2]),
        33422: (1, [0, 1, 1, 2]), 50714: (3, [0]), 50717: (4, [65_535]),
    }  # fmt: skip
    shown: _Directory = {
        254: (4, [1]), 256: (4, [48]), 257: (4, [32]), 258: (3, [8, 8, 8]), 259: (3, [7]), 262: (3, [6]),
        273: (4, [0]), 277: (3, [3]), 278: (4, [32]), 279: (4, [len(preview or b"")]),
    }  # fmt: skip
    pictures = [(main, thumbnail), (sensor, samples)] + ([(shown, preview)] if preview else [])
    starts: list[int] = []
    offset = 8
    for directory, data in pictures:
        starts.append(offset)
        offset += _length(directory) + len(data) + len(data) % 2
    main[330] = (4, starts[1:])
    body = b""
    for start, (directory, data) in zip(starts, pictures, strict=True):
        directory[273] = (4, [start + _length(directory)])
        body += _directory(directory, start) + data + bytes(len(data) % 2)
    return b"II*\0" + struct.pack("<L", 8) + body


def _values(kind: int, values: bytes | list[int]) -> bytes:
    if isinstance(values, bytes):
        return values
    if kind in {5, 10}:
        return struct.pack(f"<{len(values)}{'L' if kind == 5 else 'l'}", *values)
    return struct.pack(f"<{len(values)}{_CODES[kind]}", *values)


def _length(directory: _Directory) -> int:
    outside = [len(_values(*entry)) for entry in directory.values()]
    return 2 + 12 * len(directory) + 4 + sum(size + size % 2 for size in outside if size > 4)


def _directory(directory: _Directory, start: int) -> bytes:
    entries, outside = b"", b""
    outside_start = start + 2 + 12 * len(directory) + 4
    for tag, (kind, given) in sorted(directory.items()):
        data = _values(kind, given)
        count = len(data) // _SIZES[kind]
        if len(data) > 4:
            place = struct.pack("<L", outside_start + len(outside))
            outside += data + bytes(len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        entries += struct.pack("<HHL", tag, kind, count) + place
    return struct.pack("<H", len(directory)) + entries + bytes(4) + outside
