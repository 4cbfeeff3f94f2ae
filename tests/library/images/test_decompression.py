"""A compressed file can be read at any place, in little memory, and is begun again only to go far back."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photoseek.library.images import decompression
from photoseek.library.images.decompression import DecompressedStream, unpacker

CONTENT = random.Random(3).randbytes(40_000) + bytes(20_000)
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def opened(data: bytes) -> DecompressedStream:
    unpack = unpacker(data[:6])
    assert unpack is not None
    return DecompressedStream(io.BytesIO(data), unpack)


@pytest.mark.parametrize("kind", COMPRESS)
@settings(deadline=None, max_examples=50)
@given(
    places=st.lists(st.tuples(st.integers(0, len(CONTENT) + 9), st.integers(0, 30_000)), max_size=8),
    kept=st.integers(0, 50_000),
)
def test_any_part_is_that_of_the_whole(kind: str, places: list[tuple[int, int]], kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decompression, "_PIECE_BYTES", 1_000)
        patch.setattr(decompression, "_KEPT_BYTES", kept)
        stream = opened(COMPRESS[kind](CONTENT))
        for place, size in places:
            stream.seek(place)
            assert stream.read(size) == CONTENT[place : place + size]
            assert stream.tell() == place + len(CONTENT[place : place + size])


@pytest.mark.parametrize("kind", COMPRESS)
def test_what_was_passed_is_forgotten(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "_PIECE_BYTES", 1_000)
    monkeypatch.setattr(decompression, "_KEPT_BYTES", 5_000)
    stream = opened(COMPRESS[kind](CONTENT))
    for place in range(0, len(CONTENT), 3_000):
        stream.seek(place)
        stream.read(10)
        assert sum(map(len, stream._kept)) <= 5_000 + 3 * 9_000


@pytest.mark.parametrize("kind", COMPRESS)
def test_files_of_several_streams_are_read_to_their_end(kind: str) -> None:
    data = COMPRESS[kind](b"one") + COMPRESS[kind](b"two") + (bytes(8) if kind == "xz" else b"")
    assert opened(data).read(100) == b"onetwo"


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_file_cut_short_is_told_from_one_that_ends(kind: str) -> None:
    with pytest.raises((EOFError, OSError, zlib.error, lzma.LZMAError)):
        opened(COMPRESS[kind](CONTENT)[:-30_000]).read(len(CONTENT))


def test_an_xz_file_that_asks_for_gigabytes_is_refused() -> None:
    data = bytearray(lzma.compress(CONTENT))
    header = slice(12, 12 + (data[12] + 1) * 4 - 4)  # of the first block: its size, flags, filter, dictionary
    assert data[header][2:4] == b"\x21\x01"
    data[16] = 38  # a dictionary of 2 GiB (the .xz file format, 5.3.1)
    data[header.stop : header.stop + 4] = zlib.crc32(data[header]).to_bytes(4, "little")
    with pytest.raises(lzma.LZMAError, match="Memory"):
        opened(bytes(data)).read(1)


def test_what_is_not_compressed_is_not_unpacked() -> None:
    assert unpacker(b"photos") is None
