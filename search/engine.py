"""The engine: turns a query into one vector, and the vector's neighbours into hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..library.catalog import Catalog
from ..library.embedders.base import Embedder, normalized
from ..library.embedders.prompts import embed_queries
from ..library.errors import ImageUnreadable
from ..library.images import DEFAULT_LIMITS, decode
from ..library.sources import read_bytes
from ..library.types import Hit, Vectors
from ..library.vectors.live import LiveVectors
from .query import Query


class Engine:
    """Answers queries over one library in the space of one model. Thread-safe."""

    def __init__(self, catalog: Catalog, vectors: LiveVectors, embedder: Embedder) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._embedder = embedder

    def search(self, query: Query, k: int) -> list[Hit]:
        """Return up to `k` images nearest to `query`, best first; ties break by ascending id.

        Raises:
            QueryError: `k` is less than 1.
            ImageUnreadable: an example picture cannot be read.
            ModelUnavailable: the model's weights or packages cannot be had.
        """
        matches = self._vectors.search(self._vector(query), k)[0]
        records = self._catalog.images([match.image_id for match in matches])
        return [Hit(records[match.image_id], match.score) for match in matches if match.image_id in records]

    def _vector(self, query: Query) -> Vectors:
        parts: list[Vectors] = []
        if query.texts:
            parts.append(embed_queries(self._embedder, list(query.texts)))
        parts += [embed_file(self._embedder, path) for path in query.images]
        return normalized(np.concatenate(parts).mean(axis=0, keepdims=True))


def embed_file(embedder: Embedder, path: Path) -> Vectors:
    """Embed the picture in one file, or in an archive as `ARCHIVE!/MEMBER`, into (1, dim) L2-normalised float32.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
    """
    try:
        data = read_bytes(str(path), DEFAULT_LIMITS.max_bytes)
    except OSError as error:
        raise ImageUnreadable(str(path), f"cannot be read: {error.strerror or error}") from error
    decoded = decode(data, str(path), min_side_px=embedder.spec.image_size)
    return embedder.embed_images(embedder.preprocess(decoded.image)[np.newaxis])
