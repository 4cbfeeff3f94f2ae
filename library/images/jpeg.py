"""Reads how a JPEG is laid out, without decoding it: what a decoder would have to buffer, and its EXIF block."""

from __future__ import annotations

import re
from dataclasses import dataclass

_END_OF_ENTROPY_CODE = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker: inside coded data a 0xFF is followed by 0x00 or is a restart marker (ITU T.81, B.1.1.5)."""

_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
"""DHT, JPG and DAC share the number range of the start-of-frame markers."""

_PROGRESSIVE_FRAMES = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_EXIF_HEADER = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class JpegLayout:
    """What the segments of a JPEG tell.

    With `is_buffered`, libjpeg holds every coefficient of the picture in memory, however small the size it decodes to.
    `is_refined` says that a progressive file reaches the scan which completes the luma: what may still
    be missing is its finest detail. `exif` is the TIFF-shaped block, empty when there is none.
    """

    scans: int
    is_buffered: bool
    is_progressive: bool
    is_refined: bool
    exif: bytes


def read_layout(data: bytes) -> JpegLayout:
    """Walk the segments of `data`, which starts as a JPEG does; damage ends the walk early and raises nothing."""
    scans, components, luma_id = 0, 0, 0
    is_buffered = is_progressive = is_refined = False
    exif = bytearray()
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _WITHOUT_LENGTH:
            position += 2
            continue
        if marker == _END_OF_IMAGE:
            break
        end = position + 2 + max(int.from_bytes(data[position + 2 : position + 4], "big"), 2)
        payload = data[position + 4 : end]
        position = end
        if marker == _APP1 and payload.startswith(_EXIF_HEADER):
            exif += payload[len(_EXIF_HEADER) :]
        elif 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES and len(payload) > 6:
            components, luma_id = payload[5], payload[6]
            is_progressive = marker in _PROGRESSIVE_FRAMES
        elif marker == _START_OF_SCAN and payload:
            scans += 1
            if not is_progressive and payload[0] == components:
                break
            is_buffered = True
            is_refined = is_refined or (is_progressive and _completes(payload, luma_id))
            coded_end = _END_OF_ENTROPY_CODE.search(data, position)
            if coded_end is None:
                break
            position = coded_end.start()
    return JpegLayout(scans, is_buffered, is_progressive, is_refined, bytes(exif))


def _completes(scan_header: bytes, component_id: int) -> bool:
    """Whether this scan brings the component's last coefficient to its last bit (Se = 63, Al = 0; T.81, B.2.3)."""
    count = scan_header[0]
    if len(scan_header) < 4 + 2 * count:
        return False
    last_coefficient, approximation = scan_header[2 + 2 * count], scan_header[3 + 2 * count]
    return component_id in scan_header[1 : 1 + 2 * count : 2] and last_coefficient == 63 and approximation & 0x0F == 0
