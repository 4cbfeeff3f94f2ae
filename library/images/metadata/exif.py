"""Reads the few EXIF facts photoseek keeps, from raw bytes, bounded in memory by construction.

EXIF is a TIFF directory: a byte order, then tables of 12-byte entries (tag, type, count, value or its offset), as in
TIFF 6.0 section 2 and CIPA DC-008 (Exif 2.32) section 4.6. Nothing here raises on any bytes: what is broken is absent.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .dates import read_moment
from .image_text import ImageText, printable, texts_of

_EXIF_HEADER = b"Exif\0\0"
_ORIENTATION, _MAKE, _MODEL, _DATE_TIME = 0x0112, 0x010F, 0x0110, 0x0132
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED = 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
_LENS_MAKE, _LENS_MODEL = 0xA433, 0xA434
_DESCRIPTION, _USER_COMMENT, _RATING = 0x010E, 0x9286, 0x4746
_WINDOWS_TITLE, _WINDOWS_COMMENT, _WINDOWS_KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9E
XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 700, 33723, 34377
"""Where a TIFF file keeps what other formats keep in segments of their own."""

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4

_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes per value by TIFF type; 16 to 18 are BigTIFF's."""

_LONGEST_VALUE_BYTES = 8192
"""No fact we keep needs more; a longer text is cut."""

_LARGEST_BLOCK_BYTES = 4 << 20
"""Of a packet of another kind inside a TIFF file."""

_COMMENT_CODES = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "utf-16", bytes(8): "utf-8"}
"""What the first eight bytes of a UserComment say of the rest (CIPA DC-008, table 9)."""

_LONGEST_NAME = 80
_OVERCLAIM_RATIO = 8
_OVERCLAIM_SLACK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Exif:
    """What a file says of its making.

    `orientation` is 1-8 as in the standard. `taken_at` is the camera's local time without zone; subseconds are
    dropped; `taken_offset_min` says how far it is ahead of UTC. Latitude and longitude are degrees, WGS 84, north and
    east positive: both present or both absent. `rating` is 0-5. `is_turn_told` says that the orientation was there.
    """

    orientation: int = 1
    taken_at: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    taken_offset_min: int | None = None
    lens: str | None = None
    rating: int | None = None
    texts: tuple[ImageText, ...] = ()
    is_turn_told: bool = False


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
        return printable(self.bytes_of(entry).split(b"\0", 1)[0].decode("utf-8", errors="replace"))

    def windows_text_of(self, entry: _Entry | None) -> str:
        """The text of one of Windows' own tags, which hold UTF-16."""
        if entry is None or entry.type not in {1, 7}:
            return ""
        return self.bytes_of(entry).decode("utf-16-le", errors="replace").split("\0", 1)[0]

    def comment_of(self, entry: _Entry | None) -> str:
        """The text of a UserComment, which names its encoding first."""
        data = self.bytes_of(entry) if entry else b""
        codec = _COMMENT_CODES.get(data[:8])
        if codec is None:
            return ""
        if codec == "utf-16":
            codec = "utf-16-le" if self.order == "<" else "utf-16-be"
        return data[8:].decode(codec, errors="replace").split("\0", 1)[0].lstrip("\ufeff")

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
    dates = (
        (shot.get(_DATE_TIME_ORIGINAL), _OFFSET_ORIGINAL),
        (shot.get(_DATE_TIME_DIGITIZED), _OFFSET_DIGITIZED),
        (main.get(_DATE_TIME), _OFFSET),
    )
    moments = (read_moment(block.text_of(date), block.text_of(shot.get(offset))) for date, offset in dates)
    moment = next((moment for moment in moments if moment), None)
    latitude = _signed(block, place.get(_LATITUDE), place.get(_LATITUDE_REF), "NS", 90.0)
    longitude = _signed(block, place.get(_LONGITUDE), place.get(_LONGITUDE_REF), "EW", 180.0)
    has_place = latitude is not None and longitude is not None
    rating = block.whole_of(main.get(_RATING))
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        taken_at=moment.local if moment else None,
        camera=device_name(block.text_of(main.get(_MAKE)), block.text_of(main.get(_MODEL))),
        latitude=latitude if has_place else None,
        longitude=longitude if has_place else None,
        taken_offset_min=moment.offset_min if moment else None,
        lens=device_name(block.text_of(shot.get(_LENS_MAKE)), block.text_of(shot.get(_LENS_MODEL))),
        rating=rating if rating is not None and rating <= 5 else None,
        texts=tuple(_texts(block, main, shot)),
        is_turn_told=_ORIENTATION in main,
    )


def block_of(data: bytes, tag: int) -> bytes:
    """Return the bytes of another kind of block that a TIFF file holds under `tag`, empty when there is none."""
    block = _opened(data)
    entry = dict(block.entries(block.first_offset)).get(tag) if block else None
    if entry is None or entry.size_bytes > _LARGEST_BLOCK_BYTES:
        return b""
    return data[entry.offset : entry.offset + entry.size_bytes]


def _texts(block: _Block, main: dict[int, _Entry], shot: dict[int, _Entry]) -> list[ImageText]:
    captions = (
        block.text_of(main.get(_DESCRIPTION)),
        block.windows_text_of(main.get(_WINDOWS_COMMENT)),
        block.comment_of(shot.get(_USER_COMMENT)),
    )
    return [
        *texts_of("exif", "title", [block.windows_text_of(main.get(_WINDOWS_TITLE))]),
        *texts_of("exif", "caption", captions),
        *texts_of("exif", "keyword", block.windows_text_of(main.get(_WINDOWS_KEYWORDS)).split(";")),
    ]


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


def device_name(make: str, model: str) -> str | None:
    """Join make and model, the make once: "Canon" and "Canon EOS 5D" are a Canon EOS 5D."""
    brand = make.split(maxsplit=1)[0].casefold() if make else ""
    name = model if brand and model.casefold().startswith(brand) else f"{make} {model}".strip()
    return name[:_LONGEST_NAME].rstrip() or None


def _signed(block: _Block, value: _Entry | None, ref: _Entry | None, letters: str, limit: float) -> float | None:
    """Degrees with the sign of the hemisphere; `letters` are the positive and the negative one."""
    degrees = block.degrees_of(value)
    hemisphere = block.text_of(ref)[:1].upper()
    if degrees is None or not math.isfinite(degrees) or hemisphere not in tuple(letters):
        return None
    signed = -degrees if hemisphere == letters[1] else degrees
    return signed if abs(signed) <= limit else None
