"""Nearest neighbours the plain way, one exact sum at a time, to check every index against; shares no code with them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def similarities(query: NDArray[np.float32], ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> dict[int, float]:
    """Return the inner product of one (dim,) query with each of (n, dim) vectors, by id.

    Products of two float32 are exact in float64 and `fsum` rounds once, so equal vectors score exactly the same.
    """
    products = vectors.astype(np.float64) * query.astype(np.float64)
    return {int(one): math.fsum(row) for one, row in zip(ids, products, strict=True)}


def nearest(scores: dict[int, float], k: int) -> list[tuple[int, float]]:
    """Return the `k` best (id, score), ties by ascending id."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]
