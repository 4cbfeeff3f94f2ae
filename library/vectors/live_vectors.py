"""One model's vectors as they are searched: the newest generation on disk plus, exactly, all that is newer."""

from __future__ import annotations

import heapq
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from ..catalog.catalog import Catalog, ModelRow
from ..errors import LibraryError
from ..types import ImageIds, Match, Vectors
from .exact import ExactIndex
from .generations import Generation, Generations, should_build
from .index import EVERYTHING, Selection, VectorIndex
from .row_ids import MASKS_KEPT

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VectorSnapshot:
    """What a search sees. `replaced` are the generation's images whose vectors or presence have changed since."""

    seen_seq: int
    generation_number: int
    generation: VectorIndex | None
    replaced: ImageIds
    recent: ExactIndex
    reduced: deque[tuple[Selection, Selection]] = field(default_factory=lambda: deque(maxlen=MASKS_KEPT), repr=False)
    """The last selections asked for, and what `still_in_generation` made of them."""
    kept: Selection = EVERYTHING
    """Everything but `replaced`: the same value for every search without a filter, so that indexes may remember it."""

    @property
    def image_ids(self) -> ImageIds:
        """(n,) int64, ascending: the images whose vectors are here."""
        if self.generation is None:
            return np.sort(self.recent.image_ids)
        kept = np.setdiff1d(self.generation.image_ids, self.replaced, assume_unique=True)
        return np.union1d(kept, self.recent.image_ids)

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the vectors of these images; see `VectorIndex.vector_of`."""
        wanted = np.asarray(image_ids, dtype=np.int64)
        if self.generation is None:
            return self.recent.vector_of(wanted)
        if not len(self.replaced):
            return self.generation.vector_of(wanted)
        is_recent = np.isin(wanted, self.replaced)
        vectors = np.empty((len(wanted), self.generation.dim), dtype=np.float32)
        vectors[is_recent] = self.recent.vector_of(wanted[is_recent])
        vectors[~is_recent] = self.generation.vector_of(wanted[~is_recent])
        return vectors

    def still_in_generation(self, selection: Selection) -> Selection:
        """Return `selection` less what the generation no longer has right; the same value for the same selection."""
        if selection.is_everything:
            return self.kept
        for known, left in tuple(self.reduced):
            if known is selection:
                return left
        left = selection.without(self.replaced)
        self.reduced.append((selection, left))
        return left


class LiveVectors:
    """The vectors of `model`, always as SQL has them. Thread-safe; searches never wait for a build."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        model: ModelRow,
        writing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Take `writing` as the way to hold the library while a lost generation is built again."""
        self._writing = writing
        self._catalog = catalog
        self._generations = generations
        self._model = model
        self._refreshing = threading.Lock()
        self._snapshot: VectorSnapshot | None = None

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return self._model.dim

    def __len__(self) -> int:
        return self._catalog.count_vectors(self._model.id)

    def search(self, queries: Vectors, k: int, selection: Selection = EVERYTHING) -> list[list[Match]]:
        """Return up to `k` nearest images per query, best first; see `VectorIndex.search`."""
        snapshot = self._current()
        newer = snapshot.recent.search(queries, k, selection)
        if snapshot.generation is None:
            return newer
        older = snapshot.generation.search(queries, k, snapshot.still_in_generation(selection))
        return [_merged(pair, k) for pair in zip(older, newer, strict=True)]

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        """Return the stored vectors of these images; see `VectorIndex.vector_of`."""
        return self._current().vector_of(image_ids)

    def snapshot(self) -> VectorSnapshot:
        """Return all vectors as they are now; it stays as it is, whatever becomes of the library."""
        return self._current()

    def lag(self) -> int:
        """Return how many changes of the library the newest generation has not seen; they are searched beside it."""
        newest = self._generations.newest()
        return self._catalog.meta().change_seq - (0 if newest is None else newest.manifest.change_seq)

    def publish_if_due(self) -> bool:
        """Build a new generation when the last is too far behind; say whether one was built."""
        newest = self._generations.newest()
        total = self._catalog.count_vectors(self._model.id)
        newer, outdated = total, 0
        if newest is not None:
            newer = self._catalog.count_vectors(self._model.id, newest.manifest.change_seq)
            outdated = max(0, newest.manifest.count - (total - newer))
        # Searching past what is no longer so costs what searching beside the generation does.
        if not should_build(total, max(newer, outdated)):
            return False
        self.publish()
        return True

    def publish(self) -> Generation:
        """Build a generation of all vectors in SQL; the library must be held for writing."""
        # The number is taken before the rows are read: what changes meanwhile counts as newer.
        change_seq = self._catalog.meta().change_seq
        total = self._catalog.count_vectors(self._model.id)
        chunks = self._catalog.vector_chunks(self._model.id, self._model.dim)
        generation = self._generations.publish(chunks, change_seq, total)
        self._catalog.record_generation(self._model.id, generation.number, generation.manifest.count, change_seq)
        return generation

    def _current(self) -> VectorSnapshot:
        """Return a snapshot that has seen every committed change."""
        seq = self._catalog.meta().change_seq
        snapshot = self._snapshot
        if snapshot is not None and snapshot.seen_seq == seq:
            return snapshot
        with self._refreshing:
            snapshot = self._snapshot
            if snapshot is None or snapshot.seen_seq < seq:
                snapshot = self._snapshot = self._refreshed(snapshot, seq)
            return snapshot

    def _refreshed(self, old: VectorSnapshot | None, seq: int) -> VectorSnapshot:
        number = self._catalog.generation_number(self._model.id)
        if old is not None and number == old.generation_number:
            return self._advanced(old, seq)
        return self._opened(number, seq)

    def _opened(self, recorded_number: int, seq: int) -> VectorSnapshot:
        """Load the newest generation and what is newer; without a usable one, everything from SQL."""
        generation = self._generations.newest()
        if generation is None and recorded_number:
            logger.warning("the vector file of %s is missing or damaged: building it again from SQL", self._model.key)
            generation = self._rebuilt()
        if generation is None:
            changes = self._catalog.vector_changes(self._model.id, self.dim, after_seq=0)
            return VectorSnapshot(seq, recorded_number, None, _NOTHING, ExactIndex(changes.ids, changes.vectors))
        changes = self._catalog.vector_changes(self._model.id, self.dim, generation.manifest.change_seq)
        recent = ExactIndex(changes.ids, changes.vectors)
        kept = Selection.all_but(changes.touched)
        return VectorSnapshot(seq, generation.number, generation.load(), changes.touched, recent, kept=kept)

    def _rebuilt(self) -> Generation | None:
        """Build a lost generation again; None where nothing may be written, or somebody else is writing."""
        try:
            with self._writing():
                return self.publish()
        except LibraryError as error:
            logger.warning("searching all vectors in SQL meanwhile: %s", error)
            return None

    def _advanced(self, old: VectorSnapshot, seq: int) -> VectorSnapshot:
        """Add to `old` what has changed since it was taken."""
        changes = self._catalog.vector_changes(self._model.id, self.dim, old.seen_seq)
        kept = np.setdiff1d(old.recent.image_ids, changes.touched, assume_unique=True)
        recent = ExactIndex(
            np.concatenate([kept, changes.ids]),
            np.concatenate([old.recent.vector_of(kept), changes.vectors]),
        )
        replaced = np.union1d(old.replaced, changes.touched)
        unchanged = Selection.all_but(replaced)
        return VectorSnapshot(seq, old.generation_number, old.generation, replaced, recent, kept=unchanged)


def _merged(lists: Sequence[list[Match]], k: int) -> list[Match]:
    return heapq.nsmallest(k, [match for matches in lists for match in matches], key=_rank)


def _rank(match: Match) -> tuple[float, int]:
    return -match.score, match.image_id


_NOTHING: ImageIds = np.empty(0, dtype=np.int64)
