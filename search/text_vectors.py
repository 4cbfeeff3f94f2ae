"""The vectors of texts lately asked for, kept so that the same words need the model once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.types import Vectors

KEPT: Final = 4096
"""Texts remembered: 8 MB at 512 dimensions."""


class TextVectors:
    """Embeds queries with one model and remembers the last ones. Thread-safe; the model runs outside the lock."""

    def __init__(self, embedder: Embedder, kept: int = KEPT) -> None:
        self._embedder = embedder
        self._kept = kept
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()

    def of(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of n texts, (n, dim) L2-normalised float32; see `embed_queries`.

        Raises:
            ModelUnavailable: the model's weights or packages cannot be had.
        """
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        if unknown:
            known |= zip(unknown, embed_queries(self._embedder, unknown), strict=True)
        with self._lock:
            for text in dict.fromkeys(texts):
                self._vectors[text] = known[text]
                self._vectors.move_to_end(text)
            while len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)
        if not texts:
            return np.empty((0, self._embedder.spec.dim), dtype=np.float32)
        return np.stack([known[text] for text in texts])
