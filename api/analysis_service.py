"""Analysis: labels for images, and what is computed over a whole library: duplicates, its map, how well it answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..library.errors import ImageUnreadable, QueryError
from ..library.files import StrPath, expanded
from ..library.settings import cache_folder
from ..library.types import Hit, Label
from ..search.describe import DEFAULT_VOCABULARY, Vocabulary
from ..search.query.query import KnownImage
from .handle import LibraryHandle
from .query_service import QueryService

# Imported where it is needed: see handle.py.
if TYPE_CHECKING:
    from ..search.describe import Classified, Describer
    from ..search.duplicates import DuplicateGroup, DuplicateOptions, Stack
    from ..search.evaluate import Evaluation
    from ..search.library_map import LibraryMap, MapOptions, Maps


class AnalysisService:
    """Labels, compares and measures one library's images; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle, queries: QueryService) -> None:
        self._handle = handle
        self._queries = queries

    def describe(
        self, image: StrPath | KnownImage, k: int, vocabulary: Vocabulary, progress: Callable[[int, int], None] | None
    ) -> list[Label]:
        """Return the labels nearest to a picture."""
        describer = self._describer(vocabulary, progress)
        if isinstance(image, KnownImage):
            return describer.nearest(self._queries.embedder.vectors_of([image]), k)
        return describer.describe(expanded(image), k)

    def labels(self, image_id: int, k: int) -> list[Label]:
        """Return the nouns nearest to an image of the library."""
        try:
            vectors = self._handle.vectors.vector_of([image_id])
        except KeyError as error:
            message = f"no image of the library has the id {image_id}, or none of this model"
            raise QueryError(message) from error
        return self._noun_describer.nearest(vectors, k)

    def classify(
        self,
        images: StrPath | Sequence[StrPath],
        labels: Sequence[str],
        on_unreadable: Callable[[ImageUnreadable], None] | None,
    ) -> list[Classified]:
        """Say which label each picture shows."""
        from ..search.describe import Classifier

        given = [images] if isinstance(images, str | os.PathLike) else images
        paths = [expanded(image) for image in given]
        return list(Classifier(self._handle.embedder, labels).classify(paths, on_unreadable))

    def evaluate(self, queries: StrPath) -> Evaluation:
        """Measure how well labelled queries are answered."""
        from ..search.evaluate import evaluate
        from ..search.labelled_queries import read_labelled_queries

        path, handle = expanded(queries), self._handle
        return evaluate(handle.catalog, handle.model, handle.embedder, path, read_labelled_queries(path))

    def duplicates(
        self, options: DuplicateOptions | None, progress: Callable[[int, int], None] | None
    ) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough."""
        from ..search.duplicates import DuplicateOptions, find_duplicates

        handle = self._handle
        return find_duplicates(handle.catalog, handle.vectors, options or DuplicateOptions(), progress or _untold)

    def fold(self, hits: Sequence[Hit], options: DuplicateOptions | None) -> list[Stack]:
        """Fold hits that show the same thing under the best of them."""
        from ..search.duplicates import DuplicateOptions, fold

        if not hits:
            return []
        vectors = self._handle.vectors.vector_of([hit.image.id for hit in hits])
        return fold(hits, vectors, options or DuplicateOptions())

    def map(self, options: MapOptions | None, progress: Callable[[int, int], None] | None) -> LibraryMap:
        """Return the library on a plane."""
        from ..search.library_map import MapOptions

        nouns = Vocabulary.named(DEFAULT_VOCABULARY)
        return self._maps.current(options or MapOptions(), self._describer(nouns, progress))

    @cached_property
    def _maps(self) -> Maps:
        from ..search.library_map import Maps

        handle = self._handle
        return Maps(handle.catalog, handle.vectors, handle.model, handle.store.derived_folders("maps"))

    def _describer(self, vocabulary: Vocabulary, progress: Callable[[int, int], None] | None = None) -> Describer:
        from ..search.describe import Describer

        return Describer(self._handle.embedder, vocabulary, cache_folder(), progress)

    @cached_property
    def _noun_describer(self) -> Describer:
        """One for all calls of `labels`: it keeps the vocabulary's vectors."""
        return self._describer(Vocabulary.named(DEFAULT_VOCABULARY))


def _untold(_done: int, _total: int) -> None:
    pass
