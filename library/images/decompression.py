"""What compressed archives unpack to, as if it lay there: read forward, once, while readers come nearly in order."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

Unpack: TypeAlias = Callable[[BinaryIO], Iterator[bytes]]
"""Yields in pieces what a compressed file holds."""

_PIECE_BYTES = 1 << 20
_READ_BYTES = 1 << 16

_KEPT_BYTES = 32 << 20
"""Behind the place last asked for: threads that take neighbouring members do not come in order, and going back to what
is no longer here means starting again."""

_XZ_MEMORY_BYTES = 256 << 20
"""`xz -9` needs 65 MiB to unpack (its manual); the format allows 4 GiB."""


def unpacker(start: bytes) -> Unpack | None:
    """Return what unpacks a file that starts so, None for one that is not compressed."""
    return next((unpack for magic, unpack in _UNPACKERS.items() if start.startswith(magic)), None)


class DecompressedStream:
    """The unpacked bytes of a compressed file, at any place; not thread-safe.

    What is passed on the way is forgotten, but for the last 32 MiB: memory does not grow with the file.

    Raises:
        OSError, EOFError, zlib.error, lzma.LZMAError: from `read`, where the file is damaged.
    """

    def __init__(self, packed: BinaryIO, unpack: Unpack) -> None:
        self._packed = packed
        self._unpack = unpack
        self._place = 0
        self._start_again()

    def seek(self, place: int) -> int:
        """Have the next read begin at `place`, in bytes from the start."""
        self._place = place
        return place

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._place

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        start, end = self._place, self._place + size
        if start < self._start:
            self._start_again()
        self._forget(start - _KEPT_BYTES)
        while self._end < end and (piece := next(self._pieces, b"")):
            self._kept.append(piece)
            self._end += len(piece)
            self._forget(start - _KEPT_BYTES)
        data = b"".join(self._between(start, end))
        self._place = start + len(data)
        return data

    def _between(self, start: int, end: int) -> Iterator[bytes]:
        place = self._start
        for piece in self._kept:
            if place >= end:
                return
            yield piece[max(start - place, 0) : max(end - place, 0)]
            place += len(piece)

    def _forget(self, before: int) -> None:
        while self._kept and self._start + len(self._kept[0]) <= before:
            self._start += len(self._kept.popleft())

    def _start_again(self) -> None:
        self._packed.seek(0)
        self._pieces = self._unpack(self._packed)
        self._kept: deque[bytes] = deque()
        self._start = self._end = 0


def _gzip(packed: BinaryIO) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=packed)
    while piece := stream.read1(_PIECE_BYTES):
        yield piece


def _bzip2(packed: BinaryIO) -> Iterator[bytes]:
    stream = bz2.BZ2File(packed)
    while piece := stream.read1(_PIECE_BYTES):
        yield piece


def _xz(packed: BinaryIO) -> Iterator[bytes]:
    """By hand, since `lzma.LZMAFile` has no limit of memory. Streams may follow each other, zeros between them."""
    data = b""
    while data := (data or packed.read(_READ_BYTES)).lstrip(b"\0"):
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
        while not decompressor.eof:
            if decompressor.needs_input:
                data = data or packed.read(_READ_BYTES)
                if not data:
                    raise EOFError("it ends too early")
            piece, data = decompressor.decompress(data, _PIECE_BYTES), b""
            if piece:
                yield piece
        data = decompressor.unused_data


_UNPACKERS: dict[bytes, Unpack] = {b"\x1f\x8b": _gzip, b"BZh": _bzip2, b"\xfd7zXZ\0": _xz}
