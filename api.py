"""The Python API: one object over a library, with the verbs of the command line."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from .indexer.discover import as_roots
from .indexer.pipeline import IndexOptions, index
from .indexer.report import IndexReport
from .library.captions import ImageText
from .library.catalog import Catalog, ModelRow
from .library.embedders.base import Embedder
from .library.embedders.prompts import embed_queries
from .library.embedders.registry import load_embedder
from .library.errors import QueryError
from .library.settings import cache_folder, library_folder, read_settings
from .library.store import Store
from .library.types import Damage, Failure, Hit, ImageRecord, Label, Vectors
from .search.calibrations import Calibrations
from .search.classify import Classified, Classifier
from .search.describe import DEFAULT_VOCABULARY, Describer, Vocabulary
from .search.duplicates import DuplicateGroup, DuplicateOptions, find_duplicates
from .search.engine import Engine
from .search.evaluate import Evaluation, evaluate
from .search.export import export_npy, export_parquet
from .search.fold import Stack, fold
from .search.judged import read_judged
from .search.pictures import embed_file
from .search.query import DEFAULT_K, Picture, Query, Term, Words
from .search.texts import TextHit, Texts

StrPath: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model a library has been indexed with; `vectors` counts the images it can find."""

    key: str
    name: str
    dim: int
    vectors: int


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """What a library holds. `missing` are images whose files vanished; `size_bytes` is that of its folder."""

    folder: Path
    images: int
    missing: int
    failures: int
    models: tuple[ModelInfo, ...]
    size_bytes: int


class TextSearch:
    """From pictures and words to the texts of a library. Thread-safe."""

    def __init__(self, embedder: Callable[[], Embedder], catalog: Catalog, texts: Callable[[], Texts]) -> None:
        # The model is asked for when something is searched: reading an image's words needs none.
        self._embedder = embedder
        self._catalog = catalog
        self._texts = texts

    def of(self, images: Sequence[ImageRecord]) -> dict[int, tuple[ImageText, ...]]:
        """Return the words known about these images, by image id: captions, titles and keywords, with their source."""
        return self._catalog.texts.of([image.id for image in images])

    def search(self, image: StrPath, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to the picture in a file, best first, each wording once.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1.
        """
        return self._texts().nearest(embed_file(self._embedder(), _path(image)), k)

    def search_words(self, text: str, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to a text, best first.

        Raises:
            QueryError: `k` is less than 1.
        """
        return self._texts().nearest(embed_queries(self._embedder(), [text]), k)


class Library:
    """A library of images: index folders into it, ask it for pictures.

    Opening touches nothing: the first `index` makes the folder; until then the other verbs raise `LibraryNotFound`.
    Several threads may search at once. As a context manager it closes itself.
    """

    def __init__(self, folder: StrPath | None = None, *, model: str | Embedder | None = None) -> None:
        name = model if model is None or isinstance(model, str) else model.spec.name
        self._settings = read_settings(library_folder(folder), name)
        self._given = None if isinstance(model, str) else model
        self._opened: Store | None = None

    @property
    def folder(self) -> Path:
        """Where the library is, or will be."""
        return self._settings.folder

    def index(self, paths: StrPath | Sequence[StrPath], options: IndexOptions | None = None) -> IndexReport:
        """Bring the library up to date with folders and files: what is new, changed, moved, missing or back.

        Raises:
            FolderNotFound: one of `paths` does not exist.
            FolderUnusable: one of them cannot be indexed as it is.
            RootEmptied: a folder that held known images holds none; see `IndexOptions.prune`.
            LibraryLocked: another process is writing to this library.
            PhotoseekError: the library or the model cannot be used.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        roots = as_roots(_path(path) for path in given)
        spec = self._embedder.spec  # a wrong name fails here, before a library is made for it
        if self._opened is None:
            self._opened = Store.open_or_create(self._settings)
        store = self._opened
        with store.writing("index"):
            model = store.catalog.ensure_model(spec)
            report = index(store.catalog, model, self._embedder, roots, options or IndexOptions())
            store.vectors_of(model).publish_if_due()
        return report

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
        if isinstance(query, Query):
            if like is not None:
                raise QueryError("a Query holds its own pictures: put the example among its terms")
            return self._engine.search(query if k is None else replace(query, k=k))
        words = () if query is None else (Term(Words(query)),)
        pictures = () if like is None else (Term(Picture(_path(like))),)
        return self._engine.search(Query((*words, *pictures), k=DEFAULT_K if k is None else k))

    def evaluate(self, queries: StrPath) -> Evaluation:
        """Measure how well the library finds what labelled queries ask for; see search/judged.py for the formats.

        Raises:
            EvaluationError: the file cannot be read, or none of its images is in the library.
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        store = self._store
        model = store.model(self._embedder.spec)
        path = _path(queries)
        return evaluate(store.catalog, model, self._embedder, path, read_judged(path))

    def describe(
        self,
        image: StrPath,
        *,
        k: int = 5,
        vocabulary: str = DEFAULT_VOCABULARY,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Label]:
        """Return the `k` labels nearest to the picture in a file, best first. Needs no library.

        Args:
            image: the file.
            k: labels wanted.
            vocabulary: `nouns`, 12,000 things that can be photographed, or `imagenet`, a thousand classes.
            progress: told how many labels are embedded, of how many, when a model meets a vocabulary first.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1, or there is no such vocabulary.
        """
        words = Vocabulary.named(vocabulary)
        return Describer(self._embedder, words, cache_folder(), progress).describe(_path(image), k)

    def classify(self, images: StrPath | Sequence[StrPath], labels: Sequence[str]) -> list[Classified]:
        """Say which of your own `labels` each picture shows, with probabilities that sum to 1. Needs no library.

        Raises:
            ImageUnreadable: a file cannot be read as a picture.
            QueryError: fewer than two labels, an empty one, or one given twice.
        """
        given = [images] if isinstance(images, str | os.PathLike) else images
        return list(Classifier(self._embedder, labels).classify([_path(image) for image in given]))

    @cached_property
    def texts(self) -> TextSearch:
        """The library's captions, titles and keywords: `library.texts.search(image)`."""
        catalog = self._store.catalog
        return TextSearch(lambda: self._embedder, catalog, lambda: Texts(catalog, self._model))

    def duplicates(self, options: DuplicateOptions | None = None) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough, the largest group first, in each the best image first.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        store, model = self._store, self._model
        return find_duplicates(store.catalog, model, store.vectors_of(model), options or DuplicateOptions())

    def fold(self, hits: Sequence[Hit], options: DuplicateOptions | None = None) -> list[Stack]:
        """Fold hits of this library that show the same thing under the best of them; the order of the others stays."""
        if not hits:
            return []
        vectors = self._store.vectors_of(self._model).vector_of([hit.image.id for hit in hits])
        return fold(hits, vectors, options or DuplicateOptions())

    def export_npy(self, folder: StrPath) -> int:
        """Write vectors.npy and images.jsonl, a line for each of its rows; return how many.

        Raises:
            ExportFailed: the folder cannot be written to.
        """
        return export_npy(self._store.catalog, self._model, _path(folder))

    def export_parquet(self, file: StrPath) -> int:
        """Write one Parquet file of vectors and what is known of their images; return the rows. Needs pyarrow.

        Raises:
            ExportFailed: the file cannot be written, or pyarrow is not installed.
        """
        return export_parquet(self._store.catalog, self._model, _path(file))

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, in the order of their paths."""
        return self._store.catalog.failures()

    def damages(self) -> list[Damage]:
        """Return the pictures that were kept though something is wrong with them, in the order of their paths."""
        return self._store.catalog.damages()

    def info(self) -> LibraryInfo:
        """Return what the library holds."""
        catalog = self._store.catalog
        counts = catalog.counts()
        models = tuple(ModelInfo(row.key, row.name, row.dim, catalog.count_vectors(row.id)) for row in catalog.models())
        size_bytes = sum(_size_bytes(file) for file in self.folder.rglob("*"))
        return LibraryInfo(self.folder, counts.images, counts.missing, counts.failures, models, size_bytes)

    def close(self) -> None:
        """Let go of the database; call it last."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = Store.open(self._settings)
        return self._opened

    @cached_property
    def _embedder(self) -> Embedder:
        return self._given or load_embedder(self._settings.model)

    @cached_property
    def _engine(self) -> Engine:
        store = self._store
        model = store.model(self._embedder.spec)
        vectors = store.vectors_of(model)
        neutral = Vocabulary.neutral()

        def embed_neutral() -> Vectors:
            return embed_queries(self._embedder, neutral.labels)

        folder = self.folder / "calibration"
        calibrations = Calibrations(store.catalog, vectors, model, folder, neutral.fingerprint, embed_neutral)
        return Engine(store.catalog, vectors, self._embedder, calibrations.current)

    @cached_property
    def _model(self) -> ModelRow:
        return self._store.model(self._embedder.spec)


def open_library(folder: StrPath | None = None, *, model: str | Embedder | None = None) -> Library:
    """Return the library in `folder`, else in $PHOTOSEEK_LIBRARY, else in the user's data folder.

    Args:
        folder: where the library is, or will be once something is indexed into it.
        model: the embedder's name, such as `mini` or `ViT-B-32/laion2b_s34b_b79k`, or an `Embedder` of your own;
            that of the library's settings unless given.

    Raises:
        SettingsError: the library's settings file makes no sense.
    """
    return Library(folder, model=model)


def _path(given: StrPath) -> Path:
    # Unlike Path.expanduser, this leaves the name of an unknown user as it is: a file may be called so.
    return Path(os.path.expanduser(given))  # noqa: PTH111


def _size_bytes(file: Path) -> int:
    """The size of a file, 0 for a folder or what has just been removed by whoever writes to the library."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
