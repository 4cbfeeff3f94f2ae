"""Exact search in memory, in NumPy: for small libraries, and for the vectors newer than the generation on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..types import ImageIds, Match, Vectors
from .index import EVERYTHING, Selection, checked_queries
from .row_ids import RowIds, RowNumbers, rounding_margin

SCORES_BLOCK: Final = 8_000_000
"""Scores held at once: 32 MB of float32, or one query's when the index is larger still."""

FEW_SHARE: Final = 0.1
"""Up to this share of the rows are picked out and compared; more are faster compared in place, with all the others."""


class ExactIndex:
    """A matrix of vectors, every one of which is compared with every query.

    Args:
        image_ids: (n,) int64, each once.
        vectors: (n, dim) float32, rows L2-normalised; kept as it is, not copied, when contiguous.
        finite: the numbers are known to be finite, as a generation's are, and need not be read to see it.

    Raises:
        ValueError: the two do not belong together, an id comes twice, or a number is not finite.
    """

    def __init__(self, image_ids: ImageIds, vectors: Vectors, *, finite: bool = False) -> None:
        if vectors.ndim != 2 or image_ids.shape != vectors.shape[:1]:
            message = f"{image_ids.shape} ids do not fit {vectors.shape} vectors"
            raise ValueError(message)
        if not finite and not np.isfinite(vectors).all():
            raise ValueError("a stored vector holds numbers that are not finite")
        self._rows = RowIds(image_ids)
        self._vectors: Vectors = np.ascontiguousarray(vectors, dtype=np.float32)

    @property
    def dim(self) -> int:
        """Length of every vector held."""
        return int(self._vectors.shape[1])

    @property
    def image_ids(self) -> ImageIds:
        """(n,) the images held, row by row."""
        return self._rows.image_ids

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int, selection: Selection = EVERYTHING) -> list[list[Match]]:
        """Return up to `k` nearest images per query, best first; see `VectorIndex.search`."""
        queries = checked_queries(queries, k, self.dim)
        mask = self._rows.selected(selection)
        wanted = min(k, len(self) if mask is None else mask.count)
        if not wanted:
            return [[] for _ in queries]
        if mask is not None and mask.count <= FEW_SHARE * len(self):
            rows = np.flatnonzero(mask.allowed)
            return [self._rows.nearest(query, rows, self._fetch, wanted) for query in queries]
        held_back = None if mask is None else ~mask.allowed
        answers: list[list[Match]] = []
        block = max(1, SCORES_BLOCK // len(self))
        for start in range(0, len(queries), block):
            some = queries[start : start + block]
            scores = some @ self._vectors.T
            if held_back is not None:
                scores[:, held_back] = -np.inf
            for query, row in zip(some, scores, strict=True):
                # float32 finds the candidates, all those that rounding could have swapped with the last one wanted.
                last = np.partition(row, row.size - wanted)[row.size - wanted]
                near = np.flatnonzero(row >= last - rounding_margin(query))
                answers.append(self._rows.ranked(query, near, self._fetch, wanted))
        return answers

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the stored vectors of these images; see `VectorIndex.vector_of`."""
        return self._fetch(self._rows.find(image_ids))

    def _fetch(self, rows: RowNumbers) -> Vectors:
        return self._vectors[rows]
