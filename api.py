"""The Python API: one object over a library, with the verbs of the command line."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING

from .library.embedders.base import Embedder
from .library.embedders.prompts import embed_queries
from .library.embedders.registry import load_embedder
from .library.errors import NotIndexed, PhotoseekError, QueryError
from .library.paths import StrPath, expanded
from .library.settings import cache_folder, library_folder, read_settings
from .library.types import Damage, Failure, Hit, Label, Vectors
from .search.describe import DEFAULT_VOCABULARY
from .search.query import DEFAULT_K, Picture, Query, Term, Words
from .search.text_vectors import TextVectors

# The rest is imported by the verbs that need it: SQLAlchemy alone takes a fifth of a second, and a search spends it
# loading its model.
if TYPE_CHECKING:
    from .indexer.follow import WatchOptions
    from .indexer.pipeline import IndexOptions
    from .indexer.report import IndexReport, WatchReport
    from .library.catalog import ModelRow
    from .library.checks.base import Finding
    from .library.store import Store
    from .search.classify import Classified
    from .search.duplicates import DuplicateGroup, DuplicateOptions
    from .search.engine import Engine
    from .search.evaluate import Evaluation
    from .search.fold import Stack
    from .search.text_search import TextSearch


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
        from .indexer.discover import as_roots
        from .indexer.pipeline import IndexOptions

        roots = as_roots(_paths(paths))
        return self._sync(roots, options or IndexOptions(), "index")

    def watch(self, paths: StrPath | Sequence[StrPath], options: WatchOptions | None = None) -> WatchReport:
        """Index folders and files, then follow them as they live until `options.index.stop` says yes.

        The library is held for writing only while there is something to write; whoever holds it then is waited for.
        A folder that vanishes or becomes empty is noted in the log, and taken up again when it is back.

        Raises:
            FolderNotFound: one of `paths` does not exist.
            FolderUnusable: one of them cannot be indexed as it is.
            PhotoseekError: the library or the model cannot be used.
        """
        from .indexer.discover import as_roots
        from .indexer.events import SystemEvents
        from .indexer.follow import WatchOptions, follow

        roots = as_roots(_paths(paths))
        options = options or WatchOptions()

        def sync(root: str, folders: list[str]) -> IndexReport:
            # A part of a folder may well have become empty; that the whole is still there was seen before.
            is_part = folders != [root]
            return self._sync(folders, replace(options.index, prune=is_part, within=root), "watch")

        with closing(SystemEvents()) as source:
            return follow(roots, sync, source, options)

    def remove(self, paths: StrPath | Sequence[StrPath]) -> int:
        """Forget the images at or below `paths`, and the failures; return how many images. No file is touched.

        Raises:
            NotIndexed: nothing is known at one of them; then nothing is removed.
            LibraryLocked: another process is writing to this library.
        """
        given = [os.path.abspath(path) for path in _paths(paths)]  # noqa: PTH100 - as indexing does
        store = self._store
        with store.writing("remove"):
            unwanted: list[str] = []
            for path in given:
                # What is in an archive is known by its path and "!".
                known = [name for name in (path, f"{path}!") if store.catalog.is_known(name)]
                if not known:
                    raise NotIndexed(Path(path))
                unwanted += known
            return store.catalog.remove(unwanted)

    def prune(self, *, missing_for_days: float = 0.0) -> int:
        """Forget the images whose files have been missing for so many days; return how many.

        What was kept for them alone goes too: their failures, judgements, and vector files of no model.

        Raises:
            QueryError: the number of days is negative.
            LibraryLocked: another process is writing to this library.
        """
        from .library.clock import utc_now

        if not 0 <= missing_for_days <= timedelta.max.days:
            raise QueryError(f"{missing_for_days:g} is no number of days")
        store = self._store
        with store.writing("prune"):
            count = store.catalog.prune(utc_now() - timedelta(days=missing_for_days))
            for model in store.catalog.models():
                store.vectors_of(model).publish_if_due()
            store.catalog.forget_deletions()
            store.remove_orphaned_vectors()
        return count

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Check everything this library must be, and with `repair` mend what can be; see `Finding`.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            LibraryLocked: something is to be repaired, and another process is writing to this library.
        """
        from .library.doctor import examine

        return examine(self.folder, repair=repair)

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
            asked = query if k is None else replace(query, k=k)
        else:
            words = () if query is None else (Term(Words(query)),)
            pictures = () if like is None else (Term(Picture(expanded(like))),)
            asked = Query((*words, *pictures), k=DEFAULT_K if k is None else k)
        self._open_while_embedding(asked)
        return self._engine.search(asked)

    def evaluate(self, queries: StrPath) -> Evaluation:
        """Measure how well the library finds what labelled queries ask for; see search/judged.py for the formats.

        Raises:
            EvaluationError: the file cannot be read, or none of its images is in the library.
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        from .search.evaluate import evaluate
        from .search.judged import read_judged

        store = self._store
        model = store.model(self._embedder.spec)
        path = expanded(queries)
        return evaluate(store.catalog, model, self._embedder, path, read_judged(path))

    def search_many(self, texts: Sequence[str], *, k: int = 20) -> list[list[Hit]]:
        """Return for each of `texts` what `search` returns for it alone; faster than one after the other.

        Raises: as `search` does.
        """
        return self._engine.search_many([Query((Term(Words(text)),), k=k) for text in texts])

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
        from .search.describe import Describer, Vocabulary

        words = Vocabulary.named(vocabulary)
        return Describer(self._embedder, words, cache_folder(), progress).describe(expanded(image), k)

    def classify(self, images: StrPath | Sequence[StrPath], labels: Sequence[str]) -> list[Classified]:
        """Say which of your own `labels` each picture shows, with probabilities that sum to 1. Needs no library.

        Raises:
            ImageUnreadable: a file cannot be read as a picture.
            QueryError: fewer than two labels, an empty one, or one given twice.
        """
        from .search.classify import Classifier

        given = [images] if isinstance(images, str | os.PathLike) else images
        return list(Classifier(self._embedder, labels).classify([expanded(image) for image in given]))

    @cached_property
    def texts(self) -> TextSearch:
        """The library's captions, titles and keywords: `library.texts.search(image)`."""
        from .search.text_search import TextSearch
        from .search.texts import Texts

        catalog = self._store.catalog
        return TextSearch(lambda: self._embedder, catalog, lambda: Texts(catalog, self._model))

    def duplicates(self, options: DuplicateOptions | None = None) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough, the largest group first, in each the best image first.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            ModelMismatch: the library was indexed with another model.
        """
        from .search.duplicates import DuplicateOptions, find_duplicates

        store, model = self._store, self._model
        return find_duplicates(store.catalog, model, store.vectors_of(model), options or DuplicateOptions())

    def fold(self, hits: Sequence[Hit], options: DuplicateOptions | None = None) -> list[Stack]:
        """Fold hits of this library that show the same thing under the best of them; the order of the others stays."""
        from .search.duplicates import DuplicateOptions
        from .search.fold import fold

        if not hits:
            return []
        vectors = self._store.vectors_of(self._model).vector_of([hit.image.id for hit in hits])
        return fold(hits, vectors, options or DuplicateOptions())

    def export_npy(self, folder: StrPath) -> int:
        """Write vectors.npy and images.jsonl, a line for each of its rows; return how many.

        Raises:
            ExportFailed: the folder cannot be written to.
        """
        from .search.export import export_npy

        return export_npy(self._store.catalog, self._model, expanded(folder))

    def export_parquet(self, file: StrPath) -> int:
        """Write one Parquet file of vectors and what is known of their images; return the rows. Needs pyarrow.

        Raises:
            ExportFailed: the file cannot be written, or pyarrow is not installed.
        """
        from .search.export import export_parquet

        return export_parquet(self._store.catalog, self._model, expanded(file))

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

    def _sync(self, roots: list[str], options: IndexOptions, purpose: str) -> IndexReport:
        from .indexer.pipeline import index
        from .library.store import Store

        spec = self._embedder.spec  # a wrong name fails here, before a library is made for it
        if self._opened is None:
            self._opened = Store.open_or_create(self._settings)
        store = self._opened
        with store.writing(purpose):
            model = store.catalog.ensure_model(spec)
            report = index(store.catalog, model, self._embedder, roots, options)
            store.vectors_of(model).publish_if_due()
        return report

    @property
    def _store(self) -> Store:
        from .library.store import Store

        if self._opened is None:
            self._opened = Store.open(self._settings)
        return self._opened

    @cached_property
    def _embedder(self) -> Embedder:
        return self._given or load_embedder(self._settings.model)

    @cached_property
    def _texts(self) -> TextVectors:
        return TextVectors(self._embedder)

    @cached_property
    def _engine(self) -> Engine:
        from .search.calibrations import Calibrations
        from .search.describe import Vocabulary
        from .search.engine import Engine
        from .search.subjects import Subjects

        store = self._store
        model = store.model(self._embedder.spec)
        vectors = store.vectors_of(model)
        neutral = Vocabulary.neutral()

        def embed_neutral() -> Vectors:
            return embed_queries(self._embedder, neutral.labels)

        folder = self.folder / "calibration"
        calibrations = Calibrations(store.catalog, vectors, model, folder, neutral.fingerprint, embed_neutral)
        subjects = Subjects(store.catalog, vectors, self._embedder, self._texts)
        return Engine(store.catalog, vectors, subjects, calibrations.current)

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


def _paths(given: StrPath | Sequence[StrPath]) -> list[Path]:
    return [expanded(path) for path in ([given] if isinstance(given, str | os.PathLike) else given)]


def _size_bytes(file: Path) -> int:
    """The size of a file, 0 for a folder or what has just been removed by whoever writes to the library."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
