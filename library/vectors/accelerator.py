"""The copy of an index that FAISS keeps on graphics cards, where there are some."""

from __future__ import annotations

import logging
import threading
from types import ModuleType
from typing import Final, Protocol

from ..types import Vectors
from .row_ids import RowNumbers

logger = logging.getLogger(__name__)

MOST_CANDIDATES: Final = 2048
"""FAISS's limit on a card, for the matches asked for and for the lists visited (faiss/gpu/utils/Limits.cuh)."""


class SearchedIndex(Protocol):
    """What is used of a FAISS index on a card."""

    def search(self, x: Vectors, k: int, *, params: object) -> tuple[Vectors, RowNumbers]:
        """Return scores and rows, both (n, k)."""
        ...


class OnAccelerator:
    """A copy of an index on the cards. FAISS's are not thread-safe: searches take turns."""

    def __init__(self, module: ModuleType, index: SearchedIndex) -> None:
        self._module = module
        self._index = index
        self._lock = threading.Lock()

    def search(self, queries: Vectors, asked: int, nprobe: int) -> tuple[Vectors, RowNumbers]:
        """Return the scores and rows, both (n, asked), of the nearest by code in `nprobe` lists."""
        parameters = self._module.SearchParametersIVF(nprobe=nprobe)
        with self._lock:
            scores, rows = self._index.search(queries, asked, params=parameters)
        return scores, rows

    def can_answer(self, asked: int, nprobe: int) -> bool:
        """Say whether a card takes a question of this size; the processor answers those it does not."""
        return asked <= MOST_CANDIDATES and nprobe <= MOST_CANDIDATES


def on_accelerator(module: ModuleType, index: object) -> OnAccelerator | None:
    """Return a copy of `index` on the cards, or None where FAISS knows no cards or they have no room for it."""
    count_cards = getattr(module, "get_num_gpus", None)
    if count_cards is None or not count_cards():
        return None
    try:
        return OnAccelerator(module, module.index_cpu_to_all_gpus(index))
    except (RuntimeError, MemoryError) as error:
        logger.warning("searching on the processor, since FAISS cannot use the graphics card: %s", error)
        return None
