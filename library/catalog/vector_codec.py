"""Small change between rows and arrays: vectors as bytes, long lists in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from ..types import ImageIds, Vectors

# SQLite allows 32,766 bound parameters in one statement, PostgreSQL 65,535; lists are cut well below.
_MAX_LIST = 5_000
_Item = TypeVar("_Item")


def batched(values: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield `values` in slices short enough for one SQL statement."""
    for start in range(0, len(values), _MAX_LIST):
        yield values[start : start + _MAX_LIST]


def pack_vector(vector: Vectors) -> bytes:
    """Turn (dim,) float32 into the bytes the catalogue stores: little-endian float16."""
    return vector.astype("<f2").tobytes()


def unpack_vectors(blobs: Sequence[bytes]) -> Vectors:
    """Turn n stored vectors, at least one, into (n, dim) float32."""
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1).astype(np.float32)


def split_rows(rows: Sequence[tuple[int, bytes]], dim: int) -> tuple[ImageIds, Vectors]:
    """Turn rows of (id, stored vector) into (n,) ids and (n, dim) float32."""
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty((0, dim), dtype=np.float32)
    ids, blobs = zip(*rows, strict=True)
    return np.array(ids, dtype=np.int64), unpack_vectors(blobs)
