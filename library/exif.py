"""Reads the few EXIF facts photoseek keeps, from raw bytes, bounded in memory by construction.

EXIF is a TIFF directory: a byte order, then tables of 12-byte entries (tag, type, count, value or its offset), as in
TIFF 6.0 section 2 and CIPA DC-008 (Exif 2.32) section 4.6. Nothing here raises on any bytes: what is broken is absent.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_EXIF_HEADER = b"Exif\0\0"
_ORIENTATION, _MAKE, _MODEL, _DATE_TIME = 0x0112, 0x010F, 0x0110, 0x0132
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED = 0x9003, 0x9004
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4

_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes per value by TIFF type; 16 to 18 are BigTIFF's."""

_LONGEST_VALUE_BYTES = 1024
"""No fact we keep needs more; a longer text is cut."""

_LONGEST_CAMERA = 80
_OVERCLAIM_RATIO = 8
_OVERCLAIM_SLACK_BYTES = 1 << 20
_MOMENT = re.compile(r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Exif:
    """What a file says of its making.

    `orientation` is 1-8 as in the standard. `taken_at` is the camera's local time without zone; subseconds are
    dropped. Latitude and longitude are degrees, WGS 84, north and east positive: both present or both absent.
    """

    orientation: int = 1
    taken_at: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Block:
    """A TIFF-shaped block: its bytes, byte order ("<" or ">"), flavour and the offset of its first directory."""

    data: bytes
    order: str
    is_big: bool
    first_offset: int

    def entries(self, offset: int) -> Iterator[tuple[int, _Entry]]:
        """Each tag of the directory at `offset` whose value lies inside the block."""
        count_format, entry_format, inline = ("Q", "HHQ8s", 8) if self.is_big else ("H", "HHL4s", 4)
        count_size = struct.calcsize(self.order + count_format)
        entry_size = struct.calcsize(self.order + entry_format)
        if not 0 < offset <= len(self.data) - count_size:
            return
        (count,) = struct.unpack_from(self.order + count_format, self.data, offset)
        start = offset + count_size
        for index in range(min(count, (len(self.data) - start) // entry_size)):
            place = start + index * entry_size
            tag, kind, values, raw = struct.unpack_from(self.order + entry_format, self.data, place)
            size = _VALUE_SIZES.get(kind, 0) * values
            within = place + entry_size - inline
            if size > inline:
                (within,) = struct.unpack(self.order + ("Q" if self.is_big else "L"), raw)
            if size > 0 and within + size <= len(self.data):
                yield tag, _Entry(kind, values, within, size)

    def bytes_of(self, entry: _Entry) -> bytes:
        return self.data[entry.offset : entry.offset + min(entry.size_bytes, _LONGEST_VALUE_BYTES)]

    def whole_of(self, entry: _Entry | None) -> int | None:
        """The first value of an unsigned whole-number entry."""
        code = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}.get(entry.type) if entry else None
        if entry is None or code is None:
            return None
        value: int = struct.unpack_from(self.order + code, self.data, entry.offset)[0]
        return value

    def text_of(self, entry: _Entry | None) -> str:
        """The text up to its NUL, without control characters, blanks folded."""
        if entry is None or entry.type not in {1, 2, 7}:
            return ""
        text = self.bytes_of(entry).split(b"\0", 1)[0].decode("utf-8", errors="replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    def degrees_of(self, entry: _Entry | None) -> float | None:
        """Degrees, minutes and seconds as three rationals; minutes and seconds may be absent."""
        if entry is None or entry.type not in {5, 10}:
            return None
        pair = "LL" if entry.type == 5 else "ll"
        degrees = 0.0
        for index in range(min(entry.count, 3)):
            over, under = struct.unpack_from(self.order + pair, self.data, entry.offset + 8 * index)
            if under == 0:
                if index == 0 or over != 0:
                    return None
                continue
            degrees += over / under / 60**index
        return degrees


def read_exif(data: bytes) -> Exif:
    """Read the facts of an EXIF block, or of a whole TIFF file, which has the same shape."""
    block = _opened(data)
    if block is None:
        return Exif()
    main = dict(block.entries(block.first_offset))
    shot = dict(block.entries(block.whole_of(main.get(_EXIF_DIRECTORY)) or 0))
    place = dict(block.entries(block.whole_of(main.get(_GPS_DIRECTORY)) or 0))
    orientation = block.whole_of(main.get(_ORIENTATION)) or 1
    moments = (shot.get(_DATE_TIME_ORIGINAL), shot.get(_DATE_TIME_DIGITIZED), main.get(_DATE_TIME))
    latitude = _signed(block, place.get(_LATITUDE), place.get(_LATITUDE_REF), "NS", 90.0)
    longitude = _signed(block, place.get(_LONGITUDE), place.get(_LONGITUDE_REF), "EW", 180.0)
    has_place = latitude is not None and longitude is not None
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        taken_at=next((moment for entry in moments if (moment := _moment(block.text_of(entry)))), None),
        camera=_camera(block.text_of(main.get(_MAKE)), block.text_of(main.get(_MODEL))),
        latitude=latitude if has_place else None,
        longitude=longitude if has_place else None,
    )


def overclaims(data: bytes) -> bool:
    """Whether the first directory's values together are far larger than the block they lie in.

    Sound values do not overlap, so they never exceed it. A decoder that copies each value (older Pillows do) can be
    made to fill the memory by thousands of entries which all point at the same bytes.
    """
    block = _opened(data)
    if block is None:
        return False
    claimed_bytes = sum(entry.size_bytes for _, entry in block.entries(block.first_offset))
    return claimed_bytes > _OVERCLAIM_RATIO * len(data) + _OVERCLAIM_SLACK_BYTES


def _opened(data: bytes) -> _Block | None:
    data = data.removeprefix(_EXIF_HEADER)
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return None
    (version,) = struct.unpack_from(order + "H", data, 2)
    is_big = version == 43
    (first_offset,) = struct.unpack_from(order + ("Q" if is_big else "L"), data, 8 if is_big else 4)
    return _Block(data, order, is_big, first_offset)


def _moment(text: str) -> datetime | None:
    """A date of the EXIF form "2024:05:06 07:08:09"; "0000:00:00 00:00:00", blanks and garbage are none."""
    found = _MOMENT.match(text)
    if found is None:
        return None
    try:
        return datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None


def _camera(make: str, model: str) -> str | None:
    """Join make and model, the make once: "Canon" and "Canon EOS 5D" are a Canon EOS 5D."""
    brand = make.split(maxsplit=1)[0].casefold() if make else ""
    name = model if brand and model.casefold().startswith(brand) else f"{make} {model}".strip()
    return name[:_LONGEST_CAMERA].rstrip() or None


def _signed(block: _Block, value: _Entry | None, ref: _Entry | None, letters: str, limit: float) -> float | None:
    """Degrees with the sign of the hemisphere; `letters` are the positive and the negative one."""
    degrees = block.degrees_of(value)
    hemisphere = block.text_of(ref)[:1].upper()
    if degrees is None or not math.isfinite(degrees) or hemisphere not in tuple(letters):
        return None
    signed = -degrees if hemisphere == letters[1] else degrees
    return signed if abs(signed) <= limit else None
