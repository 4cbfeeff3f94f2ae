"""Writes small ICC profiles by hand, whose effect on a colour is known without a colour engine (ICC.1:2022)."""

from __future__ import annotations

import struct

SRGB_RED = (0.4361, 0.2225, 0.0139)
SRGB_GREEN = (0.3851, 0.7169, 0.0971)
SRGB_BLUE = (0.1431, 0.0606, 0.7141)
"""XYZ of sRGB's primaries, adapted to D50 (IEC 61966-2-1 with the Bradford matrix)."""

D50 = (0.9642, 1.0, 0.8249)


def swapped_rgb() -> bytes:
    """A display whose red lamp is green and whose green lamp is red; gamma 2.2."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, int(2.2 * 256))
    return _profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        {
            b"desc": _text("Swapped"),
            b"wtpt": _xyz(D50),
            b"rXYZ": _xyz(SRGB_GREEN),
            b"gXYZ": _xyz(SRGB_RED),
            b"bXYZ": _xyz(SRGB_BLUE),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def red_cyan_press() -> bytes:
    """A press whose cyan ink prints red: any cyan is red, any black is black, all else is paper white."""
    white, red, black = (255, 128, 128), (round(54.3 * 2.55), 128 + 81, 128 + 70), (0, 128, 128)
    grid = b"".join(
        bytes(black if key else red if cyan else white)
        for cyan in (0, 1)
        for _magenta in (0, 1)
        for _yellow in (0, 1)
        for key in (0, 1)
    )
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4 + grid + identity * 3
    tags = {b"desc": _text("Red cyan"), b"wtpt": _xyz(D50), b"A2B0": table, b"A2B1": table}
    return _profile(b"prtr", b"CMYK", b"Lab ", tags)


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, device, space, connection)
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def _text(words: str) -> bytes:
    ascii_words = words.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(ascii_words)) + ascii_words + bytes(78)
