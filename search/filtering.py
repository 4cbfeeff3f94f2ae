"""Search under a filter: the nearest images first asked of SQL, or the filter's images kept as a selection."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

import numpy as np

from ..library.catalog.catalog import Catalog
from ..library.catalog.conditions import All, Condition, HasText, Not, Some, TextContains
from ..library.types import Match, Vectors
from ..library.vectors.index import Selection
from ..library.vectors.live_vectors import LiveVectors

LOOKED_AT: Final = 8
"""For each hit wanted, so many of the nearest images are looked up in SQL before all of its rows are: enough where a
filter lets through a fifth of what is near to the query."""

MOST_LOOKED_AT: Final = 2_000
"""More are not: by then, finding all that the filter lets through costs no more."""

KEPT_BYTES: Final = 32 << 20
"""Of ids that filters let through: two filters of two million images, or any number of narrow ones."""


class FilteredVectors:
    """Nearest images among those of which a condition is true. Thread-safe.

    A broad filter lets through many of the images that are nearest to the query, so that a look at these few rows
    settles it, however large the library. Where too few of them pass, the ids of all that do are read from SQL, once
    for each condition until the library changes, and the index searches among them.

    Args:
        catalog: the library's rows.
        vectors: its vectors in one model's space.
    """

    def __init__(self, catalog: Catalog, vectors: LiveVectors) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._lock = Lock()
        self._kept: OrderedDict[Condition, tuple[int, Selection]] = OrderedDict()

    def nearest(self, query: Vectors, k: int, where: Condition | None) -> list[Match]:
        """Return up to `k` images nearest to (dim,) `query` of which `where` is true, best first; `k` if there are."""
        if where is None:
            return self._search(query, k, Selection.all())
        change_seq = self._catalog.meta().change_seq
        selection = self._known(where, change_seq)
        if selection is None:
            looked_at = LOOKED_AT * k
            if looked_at <= MOST_LOOKED_AT and not _reads_texts(where):
                near = self._search(query, looked_at, Selection.all())
                passing = set(self._catalog.matching_among([match.image_id for match in near], where))
                found = [match for match in near if match.image_id in passing]
                if len(found) >= k or len(near) < looked_at:
                    return found[:k]
            selection = Selection.only(self._catalog.matching_ids(where))
            self._keep(where, change_seq, selection)
        return self._search(query, k, selection)

    def _search(self, query: Vectors, k: int, selection: Selection) -> list[Match]:
        return self._vectors.search(query[np.newaxis], k, selection)[0]

    def _known(self, where: Condition, change_seq: int) -> Selection | None:
        with self._lock:
            kept = self._kept.get(where)
            if kept is None or kept[0] != change_seq:
                return None
            self._kept.move_to_end(where)
            return kept[1]

    def _keep(self, where: Condition, change_seq: int, selection: Selection) -> None:
        with self._lock:
            for outdated in [one for one, (seq, _) in self._kept.items() if seq != change_seq]:
                del self._kept[outdated]
            self._kept[where] = (change_seq, selection)
            while len(self._kept) > 1 and self._kept_bytes() > KEPT_BYTES:
                self._kept.popitem(last=False)

    def _kept_bytes(self) -> int:
        return sum(one.allowed.nbytes for _, one in self._kept.values() if one.allowed is not None)


def _reads_texts(where: Condition) -> bool:
    """Whether SQL would have to read all texts, however few images it is asked about."""
    match where:
        case TextContains() | HasText():
            return True
        case Not(inner):
            return _reads_texts(inner)
        case All(parts) | Some(parts):
            return any(_reads_texts(part) for part in parts)
    return False
