"""Small change between rows and arrays: vectors as bytes, long lists in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from ..types import ImageIds, Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

# SQLite allows 32,766 bound parameters in one statement, PostgreSQL 65,535; lists are cut well below.
_MAX_LIST = 5_000
_Item = TypeVar("_Item")

# A float16 is a sign, 5 bits of exponent and 10 of mantissa; a float32 has 8 and 23. Shifted by 13 bits the mantissas
# meet, and the exponents differ by their biases, 127 - 15, which a multiplication adds: it is exact.
_MANTISSA_SHIFT: Final = 13
_WITHOUT_COPIED_SIGNS: Final = np.int32(-0x7000_0001)
_BIAS: Final = np.float32(2.0**112)
_FIRST_NOT_FINITE: Final = 65_536.0


def batched(values: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield `values` in slices short enough for one SQL statement."""
    for start in range(0, len(values), _MAX_LIST):
        yield values[start : start + _MAX_LIST]


def pack_vector(vector: Vectors) -> bytes:
    """Turn (dim,) float32 into the bytes the catalogue stores: little-endian float16."""
    return vector.astype("<f2").tobytes()


def unpack_vectors(blobs: Sequence[bytes]) -> Vectors:
    """Turn n stored vectors, at least one, into (n, dim) float32."""
    halves = np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1)
    return widened(halves)


def widened(halves: NDArray[np.float16]) -> Vectors:
    """Turn little-endian float16 into float32, number by number the same.

    As `astype` does, in a fifth of the time: NumPy converts one number after another on processors that could do eight.
    """
    bits = halves.view("<i2").astype(np.int32)
    bits <<= _MANTISSA_SHIFT
    bits &= _WITHOUT_COPIED_SIGNS
    floats = bits.view(np.float32)
    floats *= _BIAS
    # Infinity and what is no number come out as numbers beyond any float16.
    if max(floats.max(initial=0.0), -floats.min(initial=0.0)) >= _FIRST_NOT_FINITE:
        return halves.astype(np.float32)
    return floats


def split_rows(rows: Sequence[tuple[int, bytes]], dim: int) -> tuple[ImageIds, Vectors]:
    """Turn rows of (id, stored vector) into (n,) ids and (n, dim) float32."""
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty((0, dim), dtype=np.float32)
    ids, blobs = zip(*rows, strict=True)
    return np.array(ids, dtype=np.int64), unpack_vectors(blobs)
