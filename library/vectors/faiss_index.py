"""The index kept on disk and searched by FAISS; the sole importer of `faiss`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import DimensionMismatch
from ..types import ImageIds, Match, Vectors
from .index import EVERYTHING, Selection, checked_queries
from .row_ids import RowIds, RowNumbers, rounding_margin

if TYPE_CHECKING:
    import faiss

Chunks: TypeAlias = Iterable[tuple[ImageIds, Vectors]]
"""Ids (m,) with their vectors (m, dim), piece by piece, so that no more than one piece is held twice."""

SPARE: Final = 16
"""Asked of FAISS beyond `k`, so that ties at the last place seldom need a second question."""

ANSWERS_BLOCK: Final = 1_000_000
"""Candidates held at once, over all queries: 12 MB of scores and rows."""

WRITE_BLOCK_BYTES: Final = 1 << 20
"""Handed to the file at once."""


@dataclass(frozen=True, slots=True)
class IndexRecipe:
    """How an index is made: `factory` is FAISS's own description of its type."""

    factory: str


def choose_recipe(count: int, dim: int) -> IndexRecipe:  # noqa: ARG001
    """Choose the type for `count` vectors of `dim` dimensions: for now exact at every size."""
    return IndexRecipe(factory="Flat")


def _faiss() -> ModuleType:
    """Import FAISS when first needed; as a plain module, since its type stubs lack much of what it wraps."""
    return importlib.import_module("faiss")


class FaissIndex:
    """A FAISS index and the image id of each of its rows.

    FAISS answers with row numbers, and this class turns them into image ids: a selection is then a bitmap over
    rows, which every type of index understands and which costs one bit a row however many ids it names.
    With an exact recipe answers are exact, ties included: FAISS is asked for more as long as rounding could have
    swapped an image it left out with one it gave.
    """

    def __init__(self, stored: faiss.IndexIDMap) -> None:
        faiss = _faiss()

        self._stored = stored
        self._index = faiss.downcast_index(stored.index)
        self._rows = RowIds(faiss.vector_to_array(stored.id_map))

    @classmethod
    def build(cls, chunks: Chunks, dim: int, count: int, recipe: IndexRecipe) -> FaissIndex:
        """Build an index of the vectors in `chunks`; memory is that of the index and of one chunk.

        `count` is how many are to come: it reserves the memory, and may be a guess.

        Raises:
            DimensionMismatch: a chunk came from another model.
            ValueError: an id comes twice, or a vector holds numbers that are not finite.
        """
        faiss = _faiss()

        stored = faiss.index_factory(dim, f"IDMap,{recipe.factory}", faiss.METRIC_INNER_PRODUCT)
        # Growing to the full size and back keeps the capacity, so that adding never copies what was added before.
        for column, width in ((stored.id_map, 1), (faiss.downcast_index(stored.index).codes, 4 * dim)):
            column.resize(count * width)
            column.resize(0)
        for image_ids, vectors in chunks:
            if vectors.shape[1] != dim:
                raise DimensionMismatch(dim, vectors.shape[1])
            if not np.isfinite(vectors).all():
                raise ValueError("a stored vector holds numbers that are not finite")
            stored.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), image_ids.astype(np.int64))
        return cls(stored)

    @classmethod
    def read(cls, path: Path) -> FaissIndex:
        """Open an index file, mapping the vectors into memory rather than reading them.

        Raises:
            OSError: the file cannot be opened.
            ValueError: it is no index of this kind, or not all of one.
        """
        faiss = _faiss()

        with path.open("rb"):  # FAISS words a missing or forbidden file as it does a broken one
            pass
        try:
            stored = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (RuntimeError, MemoryError) as error:
            message = f"FAISS cannot read {path}: {str(error).splitlines()[-1:]}"
            raise ValueError(message) from error
        if not isinstance(stored, faiss.IndexIDMap):
            message = f"{path} holds a FAISS index without image ids"
            raise ValueError(message)  # noqa: TRY004 - the file is wrong, not the caller
        return cls(stored)

    def write_to(self, write: Callable[[bytes], int]) -> None:
        """Hand the index to `write`, block by block; what that raises, such as a full disk, comes through."""
        faiss = _faiss()

        # FAISS's own file writer only prints when the last buffer cannot be written.
        faiss.write_index(self._stored, faiss.PyCallbackIOWriter(write, WRITE_BLOCK_BYTES))

    @property
    def dim(self) -> int:
        """Length of every vector held."""
        return int(self._index.d)

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int, selection: Selection = EVERYTHING) -> list[list[Match]]:
        """Return up to `k` nearest images per query, best first; see `VectorIndex.search`."""
        queries = checked_queries(queries, k, self.dim)
        mask = self._rows.selected(selection)
        available = len(self) if mask is None else int(mask.sum())
        wanted = min(k, available)
        if not wanted:
            return [[] for _ in queries]
        answers: list[list[Match]] = []
        block = max(1, ANSWERS_BLOCK // (wanted + SPARE))
        for start in range(0, len(queries), block):
            some = queries[start : start + block]
            asked = min(wanted + SPARE, available)
            for query, scores, rows in zip(some, *self._nearest(some, asked, mask), strict=True):
                near = self._settled(query, scores, rows, wanted, mask)
                answers.append(self._rows.ranked(query, near, self._fetch, wanted))
        return answers

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the stored vectors of these images; see `VectorIndex.vector_of`."""
        return self._fetch(self._rows.find(image_ids))

    def _nearest(self, queries: Vectors, asked: int, mask: NDArray[np.bool_] | None) -> tuple[Vectors, RowNumbers]:
        """Ask FAISS for the scores and rows, both (n, asked), of the nearest rows in `mask`; row -1 where none is."""
        faiss = _faiss()

        if mask is None:
            scores, rows = self._index.search(queries, asked)
        else:
            selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            scores, rows = self._index.search(queries, asked, params=faiss.SearchParameters(sel=selector))
        return scores, rows

    def _settled(
        self, query: Vectors, scores: Vectors, rows: RowNumbers, wanted: int, mask: NDArray[np.bool_] | None
    ) -> RowNumbers:
        """Return rows among which the `wanted` nearest surely are, asking again for more until that is so."""
        available = len(self) if mask is None else int(mask.sum())
        margin = rounding_margin(query)
        while rows.size < available and scores[-1] >= scores[wanted - 1] - margin:
            (scores,), (rows,) = self._nearest(query[np.newaxis], min(4 * rows.size, available), mask)
        return rows[rows >= 0]  # FAISS fills the places for which an approximate index found nothing with -1

    def _fetch(self, rows: RowNumbers) -> Vectors:
        vectors: Vectors = self._index.reconstruct_batch(rows)
        return vectors
