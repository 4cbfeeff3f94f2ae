"""Which type of index suits how many vectors, and what tuning it on the library itself has found."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Final

FLAT: Final = "Flat"
"""The recipe of a generation without an index: a matrix that NumPy compares with the query, exactly."""

FLAT_LIMIT_BYTES: Final = 128 << 20
"""Up to this much float32 every vector is compared: 65,536 of 512 dimensions, 0.01 s from memory, which is less than
importing FAISS costs a cold search (0.1 s) and what a library of that size can wait for."""

FLAT_LIMIT_ROWS: Final = 200_000
"""Beyond this many rows the bookkeeping of a full comparison shows, however short the vectors are."""

FEWEST_DIMS_FOR_BITS: Final = 64
"""Below, one bit a dimension says too little, and there is little to save."""

TUNED_K: Final = 20
"""Matches asked for while tuning: the default of every search."""

RECALL_TARGET: Final = 0.97
"""Share of the true nearest `TUNED_K` that tuning must find."""

CAREFUL_TARGET: Final = 0.995
"""The same for searches with filters, which must find more of less."""


@dataclass(frozen=True, slots=True)
class IndexRecipe:
    """How an index is made: `factory` is FAISS's own description of its type, or `Flat` for none."""

    factory: str

    @property
    def is_flat(self) -> bool:
        """Whether every vector is compared, without FAISS."""
        return self.factory == FLAT


@dataclass(frozen=True, slots=True)
class IvfParams:
    """What searches of an index of inverted lists use.

    `nprobe` lists are visited, `careful_nprobe` under a filter that lets everything through, more under a narrower
    one. `candidates` nearest by the compressed codes are compared exactly when `TUNED_K` are wanted. `recall` is what
    was measured with these on the library's own vectors.
    """

    nprobe: int
    careful_nprobe: int
    candidates: int
    recall: float


def choose_recipe(count: int, dim: int) -> IndexRecipe:
    """Choose the type for about `count` vectors of `dim` dimensions.

    Exact while that is fast; then inverted lists of RaBitQ codes (Gao and Long, SIGMOD 2024): one bit for each
    dimension of the vectors, rotated at random so that all dimensions say equally much. They take 120 bytes a vector of
    640 dimensions and are compared 32 at once. Codes only choose candidates: stored vectors score the answers.
    """
    if count * dim * 4 <= FLAT_LIMIT_BYTES and count <= FLAT_LIMIT_ROWS:
        return IndexRecipe(FLAT)
    lists = lists_for(count)
    return IndexRecipe(f"IVF{lists},SQ8" if dim < FEWEST_DIMS_FOR_BITS else f"RR{dim},IVF{lists},RaBitQfs")


def lists_for(count: int) -> int:
    """Return a power of two near 2 * sqrt(count): visiting a list and choosing among lists then cost about the same.

    Training and building grow with the square of it, which keeps it from being larger.
    """
    return 1 << max(3, round(log2(max(1, count)) / 2 + 1))
