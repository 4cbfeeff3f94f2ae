"""Which type of index suits how many vectors, and what tuning it on the library itself has found."""

from __future__ import annotations

import os
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

MEMORY_SHARE: Final = 0.25
"""Of the machine's memory an index may take before it is compressed further: the rest is for its users."""

DIMS_PER_CODE: Final = 4
"""Dimensions that product quantisation puts into one byte: an eighth of float16."""

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


def choose_recipe(count: int, dim: int, memory_bytes: int | None = None) -> IndexRecipe:
    """Choose the type for about `count` vectors of `dim` dimensions on a machine with `memory_bytes`.

    Exact while that is fast; then inverted lists of bytes (one a dimension); then, where those would take too much of
    the memory, inverted lists of product-quantised codes. The last two only choose candidates: answers are scored with
    the stored vectors.
    """
    if count * dim * 4 <= FLAT_LIMIT_BYTES and count <= FLAT_LIMIT_ROWS:
        return IndexRecipe(FLAT)
    lists = lists_for(count)
    memory_bytes = machine_memory_bytes() if memory_bytes is None else memory_bytes
    if count * (dim + 8) <= MEMORY_SHARE * memory_bytes:
        return IndexRecipe(f"IVF{lists},SQ8")
    codes = max(size for size in range(1, max(1, dim // DIMS_PER_CODE) + 1) if dim % size == 0)
    return IndexRecipe(f"IVF{lists},PQ{codes}")


def lists_for(count: int) -> int:
    """Return a power of two near 2 * sqrt(count): visiting a list and choosing among lists then cost about the same.

    Training and building grow with the square of it, which keeps it from being larger.
    """
    return 1 << max(3, round(log2(max(1, count)) / 2 + 1))


def machine_memory_bytes() -> int:
    """Return the memory of this machine; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
