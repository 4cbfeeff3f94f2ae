"""The index of a large generation: inverted lists searched by FAISS choose candidates, the stored vectors decide."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from math import sqrt
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import numpy as np

from ..types import ImageIds, Match, Vectors
from .accelerator import on_accelerator
from .index import EVERYTHING, Selection, checked_queries
from .index_type import TUNED_K, IndexRecipe, IvfParams
from .row_ids import Mask, RowNumbers, rounding_margin
from .vector_file import StoredVectors
from .widening import ListOutlook, codes_hide_better, spread_rows

if TYPE_CHECKING:
    import faiss

SPARE: Final = 8
"""Candidates beyond those that tuning asks for, so that very small `k` find their best too."""

FEW_ROWS: Final = 1_000
"""Up to this many rows left by a filter, all are compared exactly: a third of a millisecond at 640 dimensions."""

ALMOST_ALL: Final = 0.9
"""A selection of more than this share, such as all but what changed lately, is searched as if it were everything; one
of less is a filter, whose answers lie further apart."""

WORTH_OF_A_CANDIDATE: Final = 16
"""Rows that are compared one and all in the time in which one more candidate is found by its code, kept and scored."""

ANSWERS_BLOCK: Final = 1_000_000
"""Candidates held at once, over all queries: 12 MB of scores and rows."""

TRAINING_ROWS_PER_LIST: Final = 40
"""FAISS warns below 39; more cost time and hardly move the centres."""

LEAST_TRAINING_ROWS: Final = 10_240
"""For product quantisation, whose every byte has 256 values to place, whatever the number of lists."""

TRAINING_ROUNDS: Final = 8
"""Of k-means: the lists change little after the first few."""

ADD_BLOCK_ROWS: Final = 16_384
"""Rows added at once: 32 MB of float32 at 512 dimensions."""

WRITE_BLOCK_BYTES: Final = 1 << 20
"""Handed to the file at once."""


def _faiss() -> ModuleType:
    """Import FAISS when first needed; as a plain module, since its type stubs lack much of what it wraps."""
    return importlib.import_module("faiss")


class FaissIndex:
    """Inverted lists over stored vectors: FAISS's rows are theirs.

    FAISS only names candidates. Their scores are summed anew from the stored vectors, so that answers are ordered, tied
    and scored exactly as by `ExactIndex`; what the lists can do wrong is to leave one out. `k` are found whenever `k`
    may be answered: more lists are visited until it is so. Under a filter, whose answers may lie where the query does
    not look first, more are visited too until what they may still hold is too little to matter (`ListOutlook`). A
    selection is a bitmap over rows, one bit each however many ids it names. Parameters go with every search: nothing
    shared is changed by one.
    """

    def __init__(
        self, stored: StoredVectors, index: faiss.IndexIVF | faiss.IndexPreTransform, tuning: IvfParams
    ) -> None:
        self._stored = stored
        self._index = index
        self._lists, self._rotation = _lists_and_rotation(index)
        self.tuning = tuning
        # FAISS has no codes of single bits on cards, and these need none: a search takes less than the way there.
        self._accelerated = on_accelerator(_faiss(), index) if self._rotation is None else None
        self._parameters: faiss.SearchParametersIVF | None = None
        self._last_allowed: tuple[Mask, RowNumbers] | None = None

    @classmethod
    def build(cls, stored: StoredVectors, recipe: IndexRecipe) -> FaissIndex:
        """Build lists over all of `stored`, not tuned yet: every search visits every list.

        Memory is that of the codes, of a bounded sample to train on, and of one block of vectors.
        """
        faiss = _faiss()

        index = faiss.index_factory(stored.dim, recipe.factory, faiss.METRIC_INNER_PRODUCT)
        lists = faiss.extract_index_ivf(index)
        lists.cp.niter = TRAINING_ROUNDS
        lists.cp.max_points_per_centroid = TRAINING_ROWS_PER_LIST
        training_rows = max(LEAST_TRAINING_ROWS, TRAINING_ROWS_PER_LIST * lists.nlist)
        index.train(stored.fetch(spread_rows(len(stored), training_rows)))
        for start in range(0, len(stored), ADD_BLOCK_ROWS):
            index.add(stored.fetch(np.arange(start, min(start + ADD_BLOCK_ROWS, len(stored)))))
        return cls(stored, index, IvfParams(lists.nlist, lists.nlist, len(stored), 1.0))

    @classmethod
    def read(cls, path: Path, stored: StoredVectors, tuning: IvfParams) -> FaissIndex:
        """Open an index file over `stored`, mapping the lists into memory rather than reading them.

        Raises:
            OSError: the file cannot be opened.
            ValueError: it is no index of this kind, not all of one, or not over these vectors.
        """
        faiss = _faiss()

        with path.open("rb"):  # FAISS words a missing or forbidden file as it does a broken one
            pass
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (RuntimeError, MemoryError) as error:
            message = f"FAISS cannot read {path}: {str(error).splitlines()[-1:]}"
            raise ValueError(message) from error
        if not isinstance(index, faiss.IndexIVF | faiss.IndexPreTransform):
            message = f"{path} holds no inverted lists"
            raise ValueError(message)  # noqa: TRY004 - the file is wrong, not the caller
        if (index.ntotal, index.d) != (len(stored), stored.dim):
            message = f"it holds {index.ntotal} x {index.d} numbers instead of {len(stored)} x {stored.dim}"
            raise ValueError(message)
        return cls(stored, index, tuning)

    def tuned(self, tuning: IvfParams) -> FaissIndex:
        """Return the same index with other parameters."""
        return FaissIndex(self._stored, self._index, tuning)

    def write_to(self, write: Callable[[bytes], int]) -> None:
        """Hand the lists to `write`, block by block; what that raises, such as a full disk, comes through."""
        faiss = _faiss()

        # FAISS's own file writer only prints when the last buffer cannot be written.
        faiss.write_index(self._index, faiss.PyCallbackIOWriter(write, WRITE_BLOCK_BYTES))

    @property
    def dim(self) -> int:
        """Length of every vector held."""
        return self._stored.dim

    @property
    def image_ids(self) -> ImageIds:
        """(n,) the images held, row by row."""
        return self._stored.rows.image_ids

    @property
    def list_count(self) -> int:
        """How many lists there are to visit."""
        return int(self._lists.nlist)

    def __len__(self) -> int:
        return len(self._stored)

    def search(self, queries: Vectors, k: int, selection: Selection = EVERYTHING) -> list[list[Match]]:
        """Return up to `k` nearest images per query, best first; see `VectorIndex.search`."""
        queries = checked_queries(queries, k, self.dim)
        mask = self._stored.rows.selected(selection)
        available = len(self) if mask is None else mask.count
        wanted = min(k, available)
        if not wanted:
            return [[] for _ in queries]
        if available <= max(FEW_ROWS, 2 * wanted):
            rows = np.arange(len(self)) if mask is None else np.flatnonzero(mask.allowed)
            return [self._stored.rows.nearest(query, rows, self._stored.fetch, wanted) for query in queries]
        share = available / len(self)
        asked = min(available, self._candidates(wanted, share))
        nprobe = self._visits(wanted, share)
        answers: list[list[Match]] = []
        block = max(1, ANSWERS_BLOCK // asked)
        for start in range(0, len(queries), block):
            some = queries[start : start + block]
            for query, scores, rows in zip(some, *self.candidates(some, asked, nprobe, mask), strict=True):
                near = self._enough(query, _Found(scores, rows, nprobe), wanted, mask)
                answers.append(self._stored.rows.nearest(query, near, self._stored.fetch, wanted))
        return answers

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the stored vectors of these images; see `VectorIndex.vector_of`."""
        return self._stored.fetch(self._stored.rows.find(image_ids))

    def candidates(
        self, queries: Vectors, asked: int, nprobe: int, mask: Mask | None = None
    ) -> tuple[Vectors, RowNumbers]:
        """Return the scores by code and the rows, both (n, asked), nearest in `nprobe` lists; row -1 where none is."""
        faiss = _faiss()

        if self._rotation is not None:
            queries = queries @ self._rotation
        if mask is None and self._accelerated is not None and self._accelerated.can_answer(asked, nprobe):
            return self._accelerated.search(queries, asked, nprobe)
        if mask is None:
            parameters = self._parameters  # never changed, only replaced: making one takes as long as a list
            if parameters is None or parameters.nprobe != nprobe:
                parameters = self._parameters = faiss.SearchParametersIVF(nprobe=nprobe)
        else:
            # The bitmap must outlive the search: FAISS keeps a bare pointer to it.
            selector = faiss.IDSelectorBitmap(mask.bits)
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
        scores, rows = self._lists.search(queries, asked, params=parameters)
        return scores, rows

    def _candidates(self, wanted: int, share: float) -> int:
        careful = 1 if share > ALMOST_ALL else 2
        return SPARE + -(-self.tuning.candidates * wanted * careful // TUNED_K)

    def _visits(self, wanted: int, share: float) -> int:
        """Return how many lists to visit: the more, the more is wanted of fewer.

        The nearest `wanted` of a share lie as far down the whole ranking as the nearest `wanted / share`. The further
        down, the more lists hold a part of it, though not in proportion.
        """
        nprobe = self.tuning.nprobe if share > ALMOST_ALL else self.tuning.careful_nprobe
        return min(self.list_count, round(nprobe * sqrt(max(1.0, wanted / share / TUNED_K))))

    def _enough(self, query: Vectors, found: _Found, wanted: int, mask: Mask | None) -> RowNumbers:
        """Return at least `wanted` rows, visiting more lists or asking for more by code while better ones may be left.

        Without a filter, what tuning has found is enough, but for equal vectors: they have equal codes, and where these
        fill all places, the lowest ids may be among those left out.
        """
        available = len(self) if mask is None else mask.count
        is_filtered = mask is not None and available <= ALMOST_ALL * len(self)
        asked, nprobe = found.rows.size, found.nprobe
        while True:
            there = (found.rows >= 0) & (found.rows < len(self))
            rows, codes = found.rows[there], found.codes[there]
            is_full = asked < available and there.all()
            if is_full and codes[-1] >= codes[wanted - 1]:
                asked = min(4 * asked, available)
            elif rows.size < wanted and nprobe < self.list_count:
                nprobe = min(4 * nprobe, self.list_count)
            elif mask is None or not is_filtered or rows.size < wanted:
                return rows
            else:
                scores = self._stored.fetch(rows) @ query
                last = float(np.partition(scores, rows.size - wanted)[rows.size - wanted]) - rounding_margin(query)
                allowed = self._allowed_by_list(mask)
                worthwhile = self._outlook.lists_worth_visiting(query, allowed, last, wanted)
                if worthwhile > nprobe:
                    nprobe = worthwhile
                elif is_full and codes_hide_better(codes, scores, last, wanted):
                    asked *= 4
                    if asked * WORTH_OF_A_CANDIDATE >= available:
                        return np.flatnonzero(mask.allowed)
                else:
                    return rows
            (codes,), (rows,) = self.candidates(query[np.newaxis], asked, nprobe, mask)
            found = _Found(codes, rows, nprobe)

    @cached_property
    def _outlook(self) -> ListOutlook:
        """What tells how far a filtered search must look; made of a sample of the vectors when first needed."""
        faiss, lists = _faiss(), cast("faiss.InvertedLists", self._lists.invlists)
        list_of_row = np.zeros(len(self), dtype=np.int32)
        for number in range(lists.nlist):
            if size := lists.list_size(number):
                list_of_row[faiss.rev_swig_ptr(lists.get_ids(number), size)] = number
        centres = np.asarray(self._lists.quantizer.reconstruct_n(0, self.list_count))
        if self._rotation is not None:
            centres = centres @ self._rotation.T
        return ListOutlook.of(self._stored, centres, list_of_row)

    def _allowed_by_list(self, mask: Mask) -> RowNumbers:
        """Return how many rows of each list may be answered; the last answer is kept."""
        last = self._last_allowed
        if last is not None and last[0] is mask:
            return last[1]
        allowed = self._outlook.allowed_by_list(mask)
        self._last_allowed = (mask, allowed)
        return allowed


def _lists_and_rotation(index: faiss.IndexIVF | faiss.IndexPreTransform) -> tuple[faiss.IndexIVF, Vectors | None]:
    """Return the inverted lists of an index, and what turns rows of vectors into theirs: (dim, dim), None for nothing.

    The rotation is applied here rather than by FAISS, whose wrapper around the lists takes no parameters for them.

    Raises:
        ValueError: it holds no inverted lists, or more than a rotation before them.
    """
    module = _faiss()
    if isinstance(index, module.IndexIVF):
        return cast("faiss.IndexIVF", index), None
    wrapper = cast("faiss.IndexPreTransform", index)
    lists, chain = module.downcast_index(wrapper.index), cast("_Chain", wrapper.chain)
    matrix = module.downcast_VectorTransform(chain.at(0)) if chain.size() == 1 else None
    if not isinstance(lists, module.IndexIVF) or not isinstance(matrix, module.LinearTransform) or matrix.have_bias:
        raise ValueError("it is no index of inverted lists behind a rotation")
    return cast("faiss.IndexIVF", lists), np.ascontiguousarray(
        module.vector_to_array(matrix.A).reshape(wrapper.d, -1).T
    )


class _Chain(Protocol):
    """What is used of the transformations before an index, which FAISS's stubs take for a list."""

    def size(self) -> int: ...

    def at(self, place: int, /) -> object: ...


class _Found(NamedTuple):
    """What FAISS names for one query: scores by code and rows, best first, -1 where there is none."""

    codes: Vectors
    rows: RowNumbers
    nprobe: int
