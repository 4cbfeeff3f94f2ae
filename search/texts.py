"""A library's texts, searched by image or by words, and the vectors of texts lately asked for."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import QueryError
from ..library.files import StrPath, expanded
from ..library.images.metadata.image_text import ImageText
from ..library.types import ImageRecord, Vectors
from .query.query import KnownImage, Picture, Words

# A search for words remembers their vectors here, and is not to wait for SQLAlchemy.
if TYPE_CHECKING:
    from ..library.catalog.catalog import Catalog, ModelRow
    from .query_embedder import QueryEmbedder

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


@dataclass(frozen=True, slots=True)
class TextHit:
    """One text about an image of the library, and its cosine similarity to what was asked, higher is better."""

    text: ImageText
    image: ImageRecord
    score: float


class Texts:
    """The texts of one library in the space of one model, compared one and all: exact, memory flat. Thread-safe."""

    def __init__(self, catalog: Catalog, model: ModelRow) -> None:
        self._catalog = catalog
        self._model = model

    def nearest(self, vector: Vectors, k: int) -> list[TextHit]:
        """Return up to `k` texts nearest to a vector, best first; the same words come once, for their first image.

        Args:
            vector: (1, dim) L2-normalised float32.
            k: texts wanted, at least 1.

        Raises:
            QueryError: `k` is less than 1.
        """
        if k < 1:
            message = f"{k} texts were asked for: ask for at least 1"
            raise QueryError(message)
        wanted = k
        while True:
            hits, seen_all = self._hits(vector, wanted)
            if len(hits) >= k or seen_all:
                return hits[:k]
            wanted *= 4  # so many images share their words, as a keyword is shared, that more must be looked at

    def _hits(self, vector: Vectors, wanted: int) -> tuple[list[TextHit], bool]:
        """Return the distinct ones of the `wanted` nearest texts, and whether there are no more than those."""
        best: list[tuple[float, int, int]] = []
        seen = 0
        for chunk in self._catalog.texts.chunks(self._model.id, self._model.dim):
            scores = chunk.vectors @ vector[0]
            seen += len(scores)
            near = np.argsort(-scores, kind="stable")[:wanted]
            found = [(-float(scores[row]), int(chunk.text_ids[row]), int(chunk.image_ids[row])) for row in near]
            best = heapq.nsmallest(wanted, [*best, *found])
        bodies = self._catalog.texts.by_id([text_id for _, text_id, _ in best])
        images = self._catalog.images([image_id for _, _, image_id in best])
        hits: dict[str, TextHit] = {}
        for negative, text_id, image_id in best:
            if text_id in bodies and image_id in images:
                text = bodies[text_id]
                hits.setdefault(text.body.casefold(), TextHit(text, images[image_id], -negative))
        return list(hits.values()), seen <= wanted


class TextSearch:
    """From pictures and words to the texts of a library. Thread-safe."""

    def __init__(self, subjects: Callable[[], QueryEmbedder], catalog: Catalog, texts: Callable[[], Texts]) -> None:
        # The model is asked for when something is searched: reading an image's words needs none.
        self._query_embedder = subjects
        self._catalog = catalog
        self._texts = texts

    def of(self, images: Sequence[ImageRecord]) -> dict[int, tuple[ImageText, ...]]:
        """Return the words known about these images, by image id: captions, titles and keywords, with their source."""
        return self._catalog.texts.of([image.id for image in images])

    def search(self, image: StrPath | KnownImage, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to a file's picture or the library's, best first, each wording once.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1, or the library has no such image.
        """
        subject = image if isinstance(image, KnownImage) else Picture(expanded(image))
        return self._texts().nearest(self._query_embedder().vectors_of([subject]), k)

    def search_words(self, text: str, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to a text, best first.

        Raises:
            QueryError: `k` is less than 1.
        """
        return self._texts().nearest(self._query_embedder().vectors_of([Words(text)]), k)
