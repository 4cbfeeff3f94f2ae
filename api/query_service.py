"""Queries: words, example pictures and their mixtures answered with hits, and captions found by words or pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from ..library.embedders.base import normalized
from ..library.embedders.prompts import embed_queries
from ..library.errors import DimensionMismatch, NotIndexed, PhotoseekError, QueryError
from ..library.files import StrPath, absolute, expanded
from ..library.types import Hit, ImageDetail, ImageRecord, Vectors
from ..search.query.query import DEFAULT_K, KnownImage, Picture, Query, Term, Words
from .handle import LibraryHandle

# Imported where it is needed: see handle.py.
if TYPE_CHECKING:
    from ..library.catalog.conditions import Condition
    from ..library.catalog.overviews import BrowseOrder
    from ..search.calibration import Calibration, Calibrations
    from ..search.engine import CandidateSet, Engine
    from ..search.query_embedder import QueryEmbedder
    from ..search.texts import TextSearch


class QueryService:
    """Answers queries from one library; `Library` describes its methods. Thread-safe."""

    def __init__(self, handle: LibraryHandle) -> None:
        self._handle = handle

    def search(self, query: str | Query | None, like: StrPath | None, k: int | None) -> list[Hit]:
        """Return the nearest images."""
        asked = _as_query(query, like, k)
        self._open_while_embedding(asked)
        return self.engine.search(asked)

    def stream(self, query: Query) -> Iterator[Hit]:
        """Yield the nearest images."""
        self._open_while_embedding(query)
        return self.engine.stream(query)

    def search_many(self, queries: Sequence[str | Query], k: int) -> list[list[Hit]]:
        """Return the nearest images for each query."""
        return self.engine.search_many(
            [one if isinstance(one, Query) else Query((Term(Words(one)),), k=k) for one in queries]
        )

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts."""
        for text in texts:
            Words(text)  # which refuses an empty one
        return self._handle.text_vectors.of(texts)

    def embed_images(self, files: Sequence[StrPath]) -> Vectors:
        """Return the vectors of the pictures in files."""
        from ..search.query_embedder import embed_file

        embedder = self._handle.embedder
        vectors = [embed_file(embedder, expanded(file))[0] for file in files]
        return np.stack(vectors) if vectors else np.empty((0, embedder.spec.dim), dtype=np.float32)

    def nearest(self, vectors: Vectors, k: int) -> list[list[Hit]]:
        """Return the images nearest to vectors."""
        handle = self._handle
        dim = handle.vectors.dim
        if vectors.ndim != 2 or vectors.shape[1] != dim:
            raise DimensionMismatch(dim, vectors.shape[-1])
        if k < 1:
            message = f"{k} results were asked for: ask for at least 1"
            raise QueryError(message)
        if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
            raise QueryError("a vector is all zeros, or holds what is no number: it points nowhere")
        found = handle.vectors.search(normalized(np.asarray(vectors, dtype=np.float32)), k)
        records = handle.catalog.images(sorted({match.image_id for matches in found for match in matches}))
        return [
            [Hit(records[match.image_id], match.score) for match in matches if match.image_id in records]
            for matches in found
        ]

    def newest(self, count: int, where: Condition | None, *, oldest_first: bool = False) -> list[ImageRecord]:
        """Return the images taken last, or first."""
        catalog = self._handle.catalog
        return self._records(catalog.browsing.newest(count, where, oldest_first=oldest_first))

    def browse(self, count: int, where: Condition | None, order: BrowseOrder | None) -> list[ImageRecord]:
        """Return images in an order, taken last first unless given."""
        catalog = self._handle.catalog
        return self._records(
            catalog.overviews.ordered(count, where, order) if order else catalog.browsing.newest(count, where)
        )

    def _records(self, ids: Sequence[int]) -> list[ImageRecord]:
        catalog = self._handle.catalog
        found = catalog.images(ids)
        return [found[image_id] for image_id in ids if image_id in found]

    def show(self, image: StrPath | KnownImage) -> ImageDetail:
        """Return what is known of one image."""
        catalog = self._handle.catalog
        named = str(image.image_id) if isinstance(image, KnownImage) else str(absolute(image))
        known = catalog.browsing.detail(image.image_id if isinstance(image, KnownImage) else named)
        if known is not None:
            return known
        if isinstance(image, KnownImage):
            message = f"no image of the library has the id {named}; `photoseek search --json` tells the ids"
            raise QueryError(message)
        raise NotIndexed(Path(named))

    def candidates(self, query: Query) -> CandidateSet:
        """Return what a rerank starts from: see `Engine.candidates`."""
        self._open_while_embedding(query)
        return self.engine.candidates(query)

    @cached_property
    def texts(self) -> TextSearch:
        """The search among captions, titles and keywords."""
        from ..search.texts import Texts, TextSearch

        handle, catalog = self._handle, self._handle.catalog
        return TextSearch(lambda: self.embedder, catalog, lambda: Texts(catalog, handle.model))

    @cached_property
    def embedder(self) -> QueryEmbedder:
        """What turns a query's words, files, ids and URLs into vectors."""
        from ..search.query_embedder import QueryEmbedder

        handle = self._handle
        return QueryEmbedder(handle.catalog, handle.vectors, handle.embedder, handle.text_vectors)

    @cached_property
    def engine(self) -> Engine:
        """What answers a query with hits."""
        from ..search.engine import Engine

        def calibrate() -> Calibration:  # few queries need it, and the others need not import what learns it
            return self.calibrations.current()

        return Engine(self._handle.catalog, self._handle.vectors, self.embedder, calibrate)

    @cached_property
    def calibrations(self) -> Calibrations:
        """What turns this library's scores into probabilities, learned once."""
        from ..library.store import CALIBRATION_NAME
        from ..search.calibration import Calibrations
        from ..search.describe import Vocabulary

        handle, neutral = self._handle, Vocabulary.neutral()

        def embed_neutral() -> Vectors:
            return embed_queries(handle.embedder, neutral.labels)

        folders = handle.store.derived_folders(CALIBRATION_NAME)
        return Calibrations(handle.catalog, handle.vectors, handle.model, folders, neutral.fingerprint, embed_neutral)

    def _open_while_embedding(self, query: Query) -> None:
        """Open the library and meanwhile embed the first words: a cold search takes the longer of both.

        A model that fails does so again, and is told of, when the vectors are asked for.
        """
        handle = self._handle
        texts = [term.subject.text for term in query.terms if isinstance(term.subject, Words)]
        if handle.is_open or not texts:
            return

        def embed() -> None:
            with suppress(PhotoseekError):
                handle.text_vectors.of(texts)

        thread = Thread(target=embed)
        thread.start()
        try:
            _ = handle.store
        finally:
            thread.join()


def _as_query(query: str | Query | None, like: StrPath | None, k: int | None) -> Query:
    if isinstance(query, Query):
        if like is not None:
            raise QueryError("a Query holds its own pictures: put the example among its terms")
        return query if k is None else replace(query, k=k)
    words = () if query is None else (Term(Words(query)),)
    pictures = () if like is None else (Term(Picture(expanded(like))),)
    return Query((*words, *pictures), k=DEFAULT_K if k is None else k)
