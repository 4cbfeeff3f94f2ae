"""Which row of an index holds which image, and the exact ranking of a few rows; shared by every index."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..types import ImageIds, Match, Vectors
from .index import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

RowNumbers: TypeAlias = "NDArray[np.int64]"
"""(n,) int64 positions in an index, from 0."""

RANKING_BLOCK: Final = 4096
"""Rows scored at once in float64: 16 MiB of temporary memory at 512 dimensions."""


_EPSILON: Final = float(np.finfo(np.float32).eps)

MASKS_KEPT: Final = 4
"""Selections whose rows are remembered: 9 bits a row each."""


MOST_GAPS: Final = 8
"""Ids spread over more than so many times their number are searched for one by one."""


def rounding_margin(query: Vectors) -> float:
    """How far two float32 inner products of (dim,) `query` with unit vectors may swap by rounding alone.

    A sum of n products in any order is off by at most n * u * |a| * |b|, u = 2**-24 (Higham, Accuracy and
    Stability of Numerical Algorithms, 2nd ed., section 3.1); two sums are compared, so twice that.
    """
    return query.size * _EPSILON * max(1.0, sqrt(float(query @ query)))


@dataclass(frozen=True, eq=False)
class Mask:
    """Which rows may be answered: `allowed` is (n,) bool, `count` how many of them are true."""

    allowed: NDArray[np.bool_]
    count: int

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """The same as a bitmap, the first row in the lowest bit."""
        return np.packbits(self.allowed, bitorder="little")


class RowIds:
    """The image ids of an index, row by row.

    Args:
        image_ids: (n,) int64, each once, in any order.

    Raises:
        ValueError: an id comes twice.
    """

    def __init__(self, image_ids: ImageIds) -> None:
        self.image_ids: ImageIds = np.ascontiguousarray(image_ids, dtype=np.int64)
        ascending = bool((np.diff(self.image_ids) > 0).all())
        # Built from SQL in the order of ids, the usual case, an index needs no second table.
        self._order = None if ascending else np.argsort(self.image_ids, kind="stable").astype(np.int64)
        self._sorted = self.image_ids if self._order is None else self.image_ids[self._order]
        repeated = self._sorted[1:][np.diff(self._sorted) == 0]
        if repeated.size:
            message = f"image {repeated[0]} comes twice among the vectors of one index"
            raise ValueError(message)
        self._masks: deque[tuple[Selection, Mask]] = deque(maxlen=MASKS_KEPT)

    def __len__(self) -> int:
        return len(self.image_ids)

    def find(self, image_ids: ImageIds | Sequence[int]) -> RowNumbers:
        """Return the rows of these images, in the order asked.

        Raises:
            KeyError: an image has no row.
        """
        wanted = np.asarray(image_ids, dtype=np.int64)
        rows, present = self._lookup(wanted)
        if not present.all():
            message = f"image {wanted[~present][0]} has no vector in this index"
            raise KeyError(message)
        return rows

    def selected(self, selection: Selection) -> Mask | None:
        """Return the rows whose images may be answered; None when all may.

        The last few answers are kept: between two changes of a library its every search holds back the same images,
        and people ask again and again under the same few filters.
        """
        if selection.is_everything:
            return None
        for known, mask in tuple(self._masks):
            if known is selection:
                return mask
        allowed = np.ones(len(self), dtype=np.bool_) if selection.allowed is None else self._holds(selection.allowed)
        allowed[self._present(selection.excluded)] = False
        mask = Mask(allowed, int(np.count_nonzero(allowed)))
        self._masks.append((selection, mask))
        return mask

    def nearest(self, query: Vectors, rows: RowNumbers, fetch: Callable[[RowNumbers], Vectors], k: int) -> list[Match]:
        """Compare (dim,) `query` with all of `rows`, exactly, and return the `k` best; meant for few rows."""
        if rows.size <= RANKING_BLOCK:
            vectors = fetch(rows)
            scores = vectors @ query
            if k < rows.size:
                near = scores >= np.partition(scores, rows.size - k)[rows.size - k] - rounding_margin(query)
                rows, vectors = rows[near], vectors[near]
            return self._in_order(rows, (vectors * query.astype(np.float64)).sum(axis=1), k)
        scores = np.empty(rows.size, dtype=np.float32)
        for start in range(0, rows.size, RANKING_BLOCK):
            block = slice(start, start + RANKING_BLOCK)
            scores[block] = fetch(rows[block]) @ query
        if k < rows.size:
            last = np.partition(scores, rows.size - k)[rows.size - k]
            rows = rows[scores >= last - rounding_margin(query)]
        return self.ranked(query, rows, fetch, k)

    def ranked(self, query: Vectors, near: RowNumbers, fetch: Callable[[RowNumbers], Vectors], k: int) -> list[Match]:
        """Order the rows `near` by their exact similarity to (dim,) `query` and return the `k` best.

        `fetch` gives the (m, dim) float32 vectors of m rows. Each score is summed in float64, row by row, so that
        equal vectors score the same wherever they lie and however many queries are asked at once.
        """
        scores = np.empty(near.size, dtype=np.float64)
        exact_query = query.astype(np.float64)
        for start in range(0, near.size, RANKING_BLOCK):
            block = slice(start, start + RANKING_BLOCK)
            scores[block] = (fetch(near[block]) * exact_query).sum(axis=1)
        return self._in_order(near, scores, k)

    def _in_order(self, rows: RowNumbers, scores: NDArray[np.float64], k: int) -> list[Match]:
        ids = self.image_ids[rows]
        best = np.lexsort((ids, -scores))[:k]
        return list(map(Match, ids[best].tolist(), scores[best].tolist()))

    def _holds(self, wanted: ImageIds) -> NDArray[np.bool_]:
        """Return for each row whether its image is among `wanted`, which ascend."""
        allowed = np.zeros(len(self), dtype=np.bool_)
        if not len(self) or not len(wanted):
            return allowed
        first, last = int(self._sorted[0]), int(self._sorted[-1])
        if last - first >= MOST_GAPS * len(self):
            allowed[self._present(wanted)] = True
            return allowed
        # Ids without many gaps are looked up in a table of all of them: a tenth of the time of searching for each.
        is_wanted = np.zeros(last - first + 1, dtype=np.bool_)
        is_wanted[wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, last, side="right")] - first] = True
        return is_wanted[self.image_ids - first]

    def _present(self, image_ids: ImageIds) -> RowNumbers:
        rows, present = self._lookup(image_ids)
        return rows[present]

    def _lookup(self, image_ids: ImageIds) -> tuple[RowNumbers, NDArray[np.bool_]]:
        """Return each id's row, and whether it has one; where it has none, the row means nothing."""
        if not len(self):
            return np.zeros(image_ids.size, dtype=np.int64), np.zeros(image_ids.size, dtype=np.bool_)
        places = np.minimum(np.searchsorted(self._sorted, image_ids), len(self) - 1)
        present: NDArray[np.bool_] = self._sorted[places] == image_ids
        return (places if self._order is None else self._order[places]), present
