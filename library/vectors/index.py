"""What a vector index promises: the nearest images of a query, among those a selection lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from ..errors import DimensionMismatch, QueryError
from ..types import ImageIds, Match, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which images may be answered: those in `allowed` (None means every image) that are not in `excluded`.

    Both are sorted, unique and read-only; make a selection with `all`, `only` or `all_but`.
    """

    allowed: ImageIds | None
    excluded: ImageIds

    @staticmethod
    def all() -> Selection:
        """Every image may be answered."""
        return EVERYTHING

    @staticmethod
    def only(image_ids: ImageIds | Sequence[int]) -> Selection:
        """These images alone may be answered; ids that an index does not hold are ignored."""
        return Selection(_id_set(image_ids), _NO_IDS)

    @staticmethod
    def all_but(image_ids: ImageIds | Sequence[int]) -> Selection:
        """Every image may be answered except these; ids that an index does not hold are ignored."""
        return Selection(None, _id_set(image_ids))

    def without(self, image_ids: ImageIds | Sequence[int]) -> Selection:
        """Return this selection less `image_ids`."""
        if not len(image_ids):
            return self
        return Selection(self.allowed, _id_set(np.concatenate([self.excluded, _id_set(image_ids)])))

    @property
    def is_everything(self) -> bool:
        """Whether no image at all is held back."""
        return self.allowed is None and not len(self.excluded)


class VectorIndex(Protocol):
    """Vectors of one model's images, searchable from several threads at once; searching changes nothing."""

    @property
    def dim(self) -> int:
        """Length of every vector held."""
        ...

    @property
    def image_ids(self) -> ImageIds:
        """(n,) int64: the images held, in any order."""
        ...

    def __len__(self) -> int:
        """Number of vectors held."""
        ...

    def search(self, queries: Vectors, k: int, selection: Selection = ...) -> list[list[Match]]:
        """Return up to `k` nearest images per query, best first.

        Args:
            queries: (n, dim) float32; rows L2-normalised, so inner product is cosine similarity.
            k: matches wanted per query, at least 1.
            selection: the images that may be answered. `k` come back whenever it lets `k` through.

        Returns:
            n lists, shorter than `k` when fewer images may be answered. Scores lie in [-1, 1] up to rounding;
            ties break by ascending image id.

        Raises:
            DimensionMismatch: queries came from another model.
            QueryError: `k` is less than 1, or a query is not a row of finite numbers.
        """
        ...

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the stored vectors of these images, (n, dim) float32 in the order asked.

        Raises:
            KeyError: an image is not in the index.
        """
        ...


def checked_queries(queries: Vectors, k: int, dim: int) -> Vectors:
    """Return `queries` as contiguous (n, dim) float32, or raise as `VectorIndex.search` promises."""
    if k < 1:
        message = f"{k} results were asked for: ask for at least 1"
        raise QueryError(message)
    if queries.ndim != 2:
        message = f"queries must be an array of shape (n, {dim}), not {queries.shape}"
        raise QueryError(message)
    if queries.shape[1] != dim:
        raise DimensionMismatch(dim, queries.shape[1])
    contiguous = np.ascontiguousarray(queries, dtype=np.float32)
    if not np.isfinite(contiguous).all():
        raise QueryError("a query's vector holds numbers that are not finite: the model failed on it")
    return contiguous


def _id_set(image_ids: ImageIds | Sequence[int]) -> ImageIds:
    # Not `np.unique`, whose first use imports masked arrays: a hundredth of a second of a cold search.
    ordered = np.sort(np.asarray(image_ids, dtype=np.int64))
    unique = ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]
    unique.flags.writeable = False
    return unique


_NO_IDS: Final = _id_set([])
EVERYTHING: Final = Selection(None, _NO_IDS)
"""The selection that holds no image back; the default of every search."""
