"""Pairs of near pictures in a whole library: its vectors are parted around pivots, and parts compared block by block.

Comparing all with all is a product of the matrix with itself, and grows with its square. A picture's near ones lie in
the parts whose pivots are nearest to it, so that each is compared with those parts alone: as inverted lists are
searched, but with a product of matrices for all pictures that look into one part, instead of a search for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..library.types import ImageIds, Vectors
from .map_layout import centres

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE_UP_TO: Final = 8_000
"""So many pictures are all compared with one another: 0.1 s for each thousand of them."""

PARTS_VISITED: Final = 8
"""Parts that each picture is compared with; `benchmarks/duplicates.py --count` tells how many copies that loses."""

NEIGHBOURS: Final = 16
"""Near pictures kept of each one in a part: a burst of more than so many still joins up, by way of its members."""

_BLOCK: Final = 2_048
_ROUNDS: Final = 3
_SAMPLED_PER_PART: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class VectorTable:
    """Pictures to compare.

    Attributes:
        ids: (n,) int64.
        hashes: (n,) uint64, their perceptual hashes; 0 where there is none.
        fetch: returns (m, dim) float32, L2-normalised, of m ids.
    """

    ids: ImageIds
    hashes: NDArray[np.uint64]
    fetch: Callable[[ImageIds], Vectors]


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Places in a table, `first` before `second`, and the cosines between them: all (m,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    scores: Vectors


IsNear: TypeAlias = "Callable[[Vectors, NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.bool_]]"
"""From cosines and the hashes of both pictures, all (m,), to which pairs are near."""


def near_pairs(
    table: VectorTable, least_score: float, is_near: IsNear, on_progress: Callable[[int, int], None]
) -> NearPairs:
    """Return each pair of near pictures once, of each picture the nearest few in each part.

    Memory grows with the number of pairs and, by some 50 bytes each, of pictures.

    Args:
        table: the pictures.
        least_score: the cosine below which no pair is near.
        is_near: decides on those above.
        on_progress: told how many pictures have been compared, of how many.
    """
    count = len(table.ids)
    found: list[NearPairs] = []
    done = 0
    on_progress(0, count)
    for members, visitors in _parts(table):
        found += _compared(table, members, visitors, least_score, is_near)
        done += len(members)
        on_progress(done, count)
    if not found:
        return NearPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    first, second, scores = (np.concatenate([getattr(one, name) for one in found]) for name in NearPairs.__slots__)
    _, once = np.unique(first * count + second, return_index=True)
    return NearPairs(first[once], second[once], scores[once])


def _parts(table: VectorTable) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the places in each part, and the places of those that are to be compared with it."""
    count = len(table.ids)
    if count <= WHOLE_UP_TO:
        yield np.arange(count), np.arange(count)
        return
    pivots = _pivots(table, 1 << round(log2(count) / 2))
    visited = np.empty((count, PARTS_VISITED), dtype=np.int32)
    for start in range(0, count, _BLOCK):
        nearness = table.fetch(table.ids[start : start + _BLOCK]) @ pivots.T
        some = np.argpartition(-nearness, PARTS_VISITED - 1, axis=1)[:, :PARTS_VISITED]
        own = np.take_along_axis(nearness, some, axis=1).argsort(axis=1)[:, ::-1]
        visited[start : start + _BLOCK] = np.take_along_axis(some, own, axis=1)
    homes, starts = np.argsort(visited[:, 0], kind="stable"), np.arange(len(pivots) + 1)
    home_starts = np.searchsorted(visited[homes, 0], starts)
    visits = visited.ravel()
    visitors = np.argsort(visits, kind="stable")
    visitor_starts = np.searchsorted(visits[visitors], starts)
    for part in range(len(pivots)):
        members = homes[home_starts[part] : home_starts[part + 1]]
        if len(members):
            yield members, visitors[visitor_starts[part] : visitor_starts[part + 1]] // PARTS_VISITED


def _pivots(table: VectorTable, count: int) -> Vectors:
    """Return (count, dim) L2-normalised means of like pictures, by a few rounds of spherical k-means on a sample."""
    chance = np.random.default_rng(0)
    size = min(len(table.ids), _SAMPLED_PER_PART * count)
    sample = table.fetch(table.ids[np.sort(chance.choice(len(table.ids), size, replace=False))])
    pivots = sample[chance.choice(len(sample), count, replace=False)]
    for _ in range(_ROUNDS):
        found = centres(sample, np.argmax(sample @ pivots.T, axis=1))
        pivots[: len(found)] = np.where(found.any(axis=1, keepdims=True), found, pivots[: len(found)])
    return pivots


def _compared(
    table: VectorTable, members: NDArray[np.int64], visitors: NDArray[np.int64], least_score: float, is_near: IsNear
) -> Iterator[NearPairs]:
    """Compare `visitors` with `members`, block by block."""
    for start in range(0, len(members), _BLOCK):
        some = members[start : start + _BLOCK]
        vectors = table.fetch(table.ids[some])
        for first in range(0, len(visitors), _BLOCK):
            block = visitors[first : first + _BLOCK]
            scores = table.fetch(table.ids[block]) @ vectors.T
            rows, columns = np.nonzero(scores >= least_score)
            apart = block[rows] != some[columns]
            rows, columns = rows[apart], columns[apart]
            near = is_near(scores[rows, columns], table.hashes[block[rows]], table.hashes[some[columns]])
            rows, columns = rows[near], columns[near]
            kept = _nearest_few(rows, scores[rows, columns])
            one, other = block[rows[kept]], some[columns[kept]]
            if len(one):
                yield NearPairs(np.minimum(one, other), np.maximum(one, other), scores[rows[kept], columns[kept]])


def _nearest_few(rows: NDArray[np.int64], scores: Vectors) -> NDArray[np.int64]:
    """Return which of the pairs to keep: for each of `rows`, which ascend, those of the NEIGHBOURS best scores."""
    if not len(rows) or np.bincount(rows).max() <= NEIGHBOURS:
        return np.arange(len(rows))
    best_first = np.lexsort((-scores, rows))
    of = rows[best_first]
    rank = np.arange(len(of)) - np.searchsorted(of, of)
    return best_first[rank < NEIGHBOURS]
