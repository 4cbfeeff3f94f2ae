"""The library's texts: captions, titles and keywords of its images, searched by picture or by words."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.errors import QueryError
from ..library.images.metadata.image_text import ImageText
from ..library.types import ImageRecord, Vectors


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
