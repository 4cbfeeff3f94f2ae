"""The verbs that ask: of a library for its pictures, and of a model what a picture shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING

from ..library.errors import ImageUnreadable, PhotoseekError, QueryError
from ..library.paths import StrPath, expanded
from ..library.settings import cache_folder
from ..library.types import Hit, Label
from ..search.describe import DEFAULT_VOCABULARY
from ..search.query.query import DEFAULT_K, KnownImage, Picture, Query, Term, Words
from .opened import Opened

# Imported by the verbs that need it.
if TYPE_CHECKING:
    from ..search.classify import Classified
    from ..search.duplicates import DuplicateGroup, DuplicateOptions
    from ..search.engine import CandidateSet
    from ..search.evaluate import Evaluation
    from ..search.fold import Stack
    from ..search.library_map import LibraryMap, MapOptions, Maps
    from ..search.text_search import TextSearch


class Asking(Opened):
    """What only reads a library, or needs none."""

    def search(
        self, query: str | Query | None = None, *, like: StrPath | None = None, k: int | None = None
    ) -> list[Hit]:
        """Return up to `k` images nearest to words, to an example picture, or to both; best first.

        Args:
            query: words, taken as they are; or a `Query`, which may weigh, avoid, filter, cut off and sort.
                `parse_terms` reads `2:golden retriever + ./pool.jpg - fruit`, and `parse_filter` a filter.
            like: an example picture, which counts as much as the words; not beside a `Query`, which has its own.
            k: 20 unless given; beside a `Query`, in place of its own.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
            QueryError: nothing was asked, `k` is less than 1, or an image that is spoken of is not in the library.
            AddressRefused: a URL may not be fetched.
            ImageUnreadable: an example picture cannot be read.
        """
        asked = _as_query(query, like, k)
        self._open_while_embedding(asked)
        return self._engine.search(asked)

    def _candidates(self, query: Query) -> CandidateSet:
        """Return what a second look starts from: see `Engine.candidates`."""
        self._open_while_embedding(query)
        return self._engine.candidates(query)

    def search_many(self, queries: Sequence[str | Query], *, k: int = DEFAULT_K) -> list[list[Hit]]:
        """Return for each of `queries` what `search` returns for it alone; faster than one after the other.

        `k` is for words; a `Query` has its own.

        Raises: as `search` does.
        """
        return self._engine.search_many(
            [one if isinstance(one, Query) else Query((Term(Words(one)),), k=k) for one in queries]
        )

    def evaluate(self, queries: StrPath) -> Evaluation:
        """Measure how well the library finds what labelled queries ask for (formats: search/labelled_queries.py).

        Raises:
            EvaluationError: the file cannot be read, or none of its images is in the library.
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        from ..search.evaluate import evaluate
        from ..search.labelled_queries import read_labelled_queries

        path = expanded(queries)
        return evaluate(self._store.catalog, self._model, self._embedder, path, read_labelled_queries(path))

    def describe(
        self,
        image: StrPath | KnownImage,
        *,
        k: int = 5,
        vocabulary: str = DEFAULT_VOCABULARY,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Label]:
        """Return the `k` labels nearest to a picture, best first. A file needs no library.

        Args:
            image: the file, or an image of the library.
            k: labels wanted.
            vocabulary: `nouns`, 12,000 things that can be photographed, or `imagenet`, a thousand classes.
            progress: told how many labels are embedded, of how many, when a model meets a vocabulary first.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1, or there is no such vocabulary or image of the library.
        """
        from ..search.describe import Describer, Vocabulary

        describer = Describer(self._embedder, Vocabulary.named(vocabulary), cache_folder(), progress)
        if isinstance(image, KnownImage):
            return describer.nearest(self._query_embedder.vectors_of([image]), k)
        return describer.describe(expanded(image), k)

    def classify(
        self,
        images: StrPath | Sequence[StrPath],
        labels: Sequence[str],
        *,
        on_unreadable: Callable[[ImageUnreadable], None] | None = None,
    ) -> list[Classified]:
        """Say which of your own `labels` each picture shows, with probabilities that sum to 1. Needs no library.

        Args:
            images: the files.
            labels: two or more.
            on_unreadable: told of a file that cannot be read, which is then left out.

        Raises:
            ImageUnreadable: a file cannot be read as a picture, and nobody is to be told.
            QueryError: fewer than two labels, an empty one, or one given twice.
        """
        from ..search.classify import Classifier

        given = [images] if isinstance(images, str | os.PathLike) else images
        paths = [expanded(image) for image in given]
        return list(Classifier(self._embedder, labels).classify(paths, on_unreadable))

    @cached_property
    def texts(self) -> TextSearch:
        """The library's captions, titles and keywords: `library.texts.search(image)`."""
        from ..search.text_search import TextSearch
        from ..search.texts import Texts

        catalog = self._store.catalog
        return TextSearch(lambda: self._query_embedder, catalog, lambda: Texts(catalog, self._model))

    def duplicates(self, options: DuplicateOptions | None = None) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough, the largest group first, in each the best image first.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        from ..search.duplicates import DuplicateOptions, find_duplicates

        return find_duplicates(self._store.catalog, self._model, self._vectors, options or DuplicateOptions())

    def fold(self, hits: Sequence[Hit], options: DuplicateOptions | None = None) -> list[Stack]:
        """Fold hits of this library that show the same thing under the best of them; the order of the others stays."""
        from ..search.duplicates import DuplicateOptions
        from ..search.fold import fold

        if not hits:
            return []
        vectors = self._vectors.vector_of([hit.image.id for hit in hits])
        return fold(hits, vectors, options or DuplicateOptions())

    def map(
        self, options: MapOptions | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> LibraryMap:
        """Return the library on a plane, like pictures near one another, in clusters with words for them.

        It is made once, kept in the library's folder or, where that is not written, in the user's cache, and made anew
        when much has changed.

        Args:
            options: how it is made; by UMAP where umap-learn is installed, else by PCA, of 10,000 images at most.
            progress: told how many words are embedded, of how many, when a model meets them first.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
            QueryError: UMAP was asked for and is not installed.
        """
        from ..search.describe import Describer, Vocabulary
        from ..search.library_map import MapOptions

        words = Vocabulary.named(DEFAULT_VOCABULARY)
        return self._maps.current(options or MapOptions(), Describer(self._embedder, words, cache_folder(), progress))

    def export_npy(self, folder: StrPath, *, replace: bool = False) -> int:
        """Write vectors.npy and images.jsonl, a line for each of its rows; return how many.

        Raises:
            ExportFailed: the folder cannot be written to, or has such files and they are not to be replaced.
        """
        from ..search.export import IMAGES_NAME, VECTORS_NAME, export_npy

        place = expanded(folder)
        self.check_targets([place / VECTORS_NAME, place / IMAGES_NAME], replace=replace)
        return export_npy(self._store.catalog, self._model, place, replace=replace)

    def export_parquet(self, file: StrPath, *, replace: bool = False) -> int:
        """Write one Parquet file of vectors and what is known of their images; return the rows. Needs pyarrow.

        Raises:
            ExportFailed: the file cannot be written, is there and not to be replaced, or pyarrow is not installed.
        """
        from ..search.export import export_parquet

        self.check_targets([file], replace=replace)
        return export_parquet(self._store.catalog, self._model, expanded(file), replace=replace)

    def export_csv(self, hits: Sequence[Hit], file: StrPath, *, replace: bool = False) -> None:
        """Write a table with a row for each hit.

        Raises:
            ExportFailed: the file cannot be written, is there and not to be replaced, or is an image of the library.
        """
        from ..search.contact_sheet import write_csv

        self.check_targets([file], replace=replace)
        write_csv(hits, expanded(file), replace=replace)

    def export_html(self, hits: Sequence[Hit], file: StrPath, *, title: str, replace: bool = False) -> None:
        """Write a page with the hits' pictures in it.

        Raises:
            ExportFailed: as `export_csv` does.
        """
        from ..search.contact_sheet import write_html

        self.check_targets([file], replace=replace)
        write_html(title, hits, expanded(file), replace=replace)

    def export_sheet(self, hits: Sequence[Hit], file: StrPath, *, title: str, replace: bool = False) -> None:
        """Draw the hits into a picture file: .jpg, .png or .webp.

        Raises:
            ExportFailed: as `export_csv` does, or the file's name says another kind.
        """
        from ..search.contact_sheet import write_sheet

        self.check_targets([file], replace=replace)
        write_sheet(title, hits, expanded(file), replace=replace)

    def check_targets(self, files: Sequence[StrPath], *, replace: bool = False) -> None:
        """Refuse what the exports would refuse to write to, before the work for them is done.

        Raises:
            ExportFailed: there is such a file and it is not to be replaced, or it is the library's.
        """
        from ..search.targets import check_target

        for file in files:
            check_target(self._store.catalog, self.folder, expanded(file), replace=replace)

    @cached_property
    def _maps(self) -> Maps:
        from ..search.library_map import Maps

        store, model = self._store, self._model
        return Maps(store.catalog, store.vectors_of(model), model, store.derived_folders("maps"))

    def _open_while_embedding(self, query: Query) -> None:
        """Open the library and meanwhile embed the first words: a cold search takes the longer of both.

        A model that fails does so again, and is told of, when the vectors are asked for.
        """
        texts = [term.subject.text for term in query.terms if isinstance(term.subject, Words)]
        if self._opened is not None or not texts:
            return

        def embed() -> None:
            with suppress(PhotoseekError):
                self._texts.of(texts)

        thread = Thread(target=embed)
        thread.start()
        try:
            _ = self._store
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
