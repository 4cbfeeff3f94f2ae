"""The one object over a library: every verb of the command line, each done by one of the services behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..library.embedders.base import Embedder
from ..library.errors import ImageUnreadable
from ..library.files import StrPath
from ..library.types import Hit, ImageDetail, ImageRecord, Label
from ..search.describe import DEFAULT_VOCABULARY, Vocabulary
from ..search.query.query import DEFAULT_K, KnownImage, Query
from .analysis_service import AnalysisService
from .cache_service import CacheService
from .export_service import ExportService
from .export_verbs import ExportVerbs
from .handle import LibraryHandle
from .indexing_service import IndexingService
from .maintenance_service import MaintenanceService
from .query_service import QueryService
from .upkeep_verbs import UpkeepVerbs
from .vector_verbs import VectorVerbs
from .vision_models import VisionModels
from .vision_verbs import VisionVerbs
from .vlm_service import VlmService

# Types alone: to open a library imports nothing that indexes, reads SQL or runs a model.
if TYPE_CHECKING:
    from ..indexer.pipeline import IndexOptions
    from ..indexer.report import IndexReport, WatchReport
    from ..indexer.watch import WatchOptions
    from ..library.catalog.browsing import Facets
    from ..library.catalog.conditions import Condition
    from ..library.catalog.overviews import BrowseOrder, OverviewCatalog
    from ..rerank.base import Judge
    from ..search.describe import Classified
    from ..search.duplicates import DuplicateGroup, DuplicateOptions, Stack
    from ..search.evaluate import Evaluation
    from ..search.library_map import LibraryMap, MapOptions
    from ..search.texts import TextSearch


class Library(UpkeepVerbs, ExportVerbs, VectorVerbs, VisionVerbs):
    """A library of images: index folders into it, ask it for pictures.

    Opening touches nothing: the first `index` makes the folder; until then what reads the library raises
    `LibraryNotFound`. What needs vectors of its images raises `ModelMismatch` where it was indexed with other models
    only. What writes to it raises `LibraryReadOnly` where it was opened so, and `LibraryLocked` while another process
    writes. An export raises `ExportFailed` for a file that cannot be written, is there and not to be replaced, or is
    the library's own or one of its images.

    Several threads may search at once. As a context manager it closes itself.
    """

    def __init__(
        self,
        folder: StrPath | None = None,
        *,
        model: str | Embedder | None = None,
        judge: str | Judge | None = None,
        read_only: bool = False,
        wait_s: float = 0.0,
    ) -> None:
        self._handle = handle = LibraryHandle.configured(folder, model, read_only=read_only, wait_s=wait_s)
        self._indexing = IndexingService(handle)
        self._maintenance = MaintenanceService(handle)
        self._cache = CacheService(handle)
        self._queries = QueryService(handle)
        self._analysis = AnalysisService(handle, self._queries)
        self._exports = ExportService(handle)
        self._models = VisionModels(handle, self._queries, judge)
        self._vlm = VlmService(handle, self._queries, self._models)

    @property
    def folder(self) -> Path:
        """Where the library is, or will be."""
        return self._handle.folder

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened so that nothing is written to it."""
        return self._handle.settings.read_only

    def close(self) -> None:
        """Let go of the database. What is asked afterwards raises `LibraryClosed`; closing again does nothing."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def index(self, paths: StrPath | Sequence[StrPath], options: IndexOptions | None = None) -> IndexReport:
        """Bring the library up to date with folders and files: what is new, changed, moved, missing or back.

        Raises:
            FolderNotFound: one of `paths` does not exist.
            FolderUnusable: one of them cannot be indexed as it is.
            RootEmptied: a folder that held known images holds none; see `IndexOptions.prune`.
        """
        return self._indexing.index(paths, options)

    def watch(self, paths: StrPath | Sequence[StrPath], options: WatchOptions | None = None) -> WatchReport:
        """Index folders and files, then follow them as they live until `options.index.stop` says yes.

        The library is held for writing only while there is something to write; whoever holds it then is waited for.
        A folder that vanishes or becomes empty is noted in the log, and taken up again when it is back.
        Raises as `index` does.
        """
        return self._indexing.watch(paths, options)

    def facets(self) -> Facets:
        """Return the folders, cameras, formats, ratings and dates that the library's images have, with counts."""
        return self._handle.catalog.browsing.facets()

    def count(self, where: Condition | None = None) -> int:
        """Count the images of which `where` is true; all of them unless given."""
        return self._handle.catalog.browsing.count(where)

    def newest(self, count: int, where: Condition | None = None, *, oldest_first: bool = False) -> list[ImageRecord]:
        """Return up to `count` images of which `where` is true, taken last first; those without a date come last."""
        return self._queries.newest(count, where, oldest_first=oldest_first)

    def show(self, image: StrPath | KnownImage) -> ImageDetail:
        """Return everything that is known of one image: its record, words, copies, models, and missing or not.

        Raises:
            NotIndexed, QueryError: nothing is known at this path, or no image has that id.
        """
        return self._queries.show(image)

    def browse(self, count: int, where: Condition | None = None, order: BrowseOrder | None = None) -> list[ImageRecord]:
        """Return up to `count` images of which `where` is true in an order, taken last first unless given."""
        return self._queries.browse(count, where, order)

    @property
    def overviews(self) -> OverviewCatalog:
        """The library at a glance: `library.overviews.months()`, its folders, and where pictures were taken."""
        return self._handle.catalog.overviews

    def images(self, image_ids: Sequence[int]) -> dict[int, ImageRecord]:
        """Return what is known of those of these images that are there, by id."""
        return self._handle.catalog.images(image_ids)

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
            QueryError: nothing was asked, `k` is less than 1, or an image that is spoken of is not in the library.
            AddressRefused: a URL may not be fetched.
            ImageUnreadable: an example picture cannot be read.
        """
        return self._queries.search(query, like, k)

    def stream(self, query: Query) -> Iterator[Hit]:
        """Return the hits of `search` one by one: however many, the records of a few thousand are in memory at once.

        That holds in the order of scores; another order, or words looked for in texts, gathers all of them first.

        Raises: as `search` does, before the first hit.
        """
        return self._queries.stream(query)

    def search_many(self, queries: Sequence[str | Query], *, k: int = DEFAULT_K) -> list[list[Hit]]:
        """Return what `search` returns for each of `queries`, faster; `k` is for words, since a `Query` has its own."""
        return self._queries.search_many(queries, k)

    @property
    def texts(self) -> TextSearch:
        """The library's captions, titles and keywords: `library.texts.search(image)`."""
        return self._queries.texts

    def describe(
        self,
        image: StrPath | KnownImage,
        *,
        k: int = 5,
        vocabulary: str = DEFAULT_VOCABULARY,
        language: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Label]:
        """Return the `k` labels nearest to a picture, best first. A file needs no library.

        Args:
            image: the file, or an image of the library.
            k: labels wanted.
            vocabulary: `nouns`, 12,000 things that can be photographed, or `imagenet`, a thousand classes.
            language: as in `zh`; the labels are then the some 770 things whose names in that language are known, and
                there is no vocabulary to choose.
            progress: told how many labels are embedded, of how many, when a model meets a vocabulary first.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1, or there is no such vocabulary, language or image of the library.
        """
        labels = Vocabulary.named(vocabulary) if language is None else Vocabulary.in_language(language)
        return self._analysis.describe(image, k, labels, progress)

    def labels(self, image_id: int, *, k: int = 5) -> list[Label]:
        """Return the `k` nouns nearest to an image, best first; its file is not read. No image: a `QueryError`."""
        return self._analysis.labels(image_id, k)

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
        return self._analysis.classify(images, labels, on_unreadable)

    def evaluate(self, queries: StrPath) -> Evaluation:
        """Measure how well the library finds what labelled queries ask for (formats: search/labelled_queries.py).

        A file that cannot be read, or of which no image is in the library, is an `EvaluationError`.
        """
        return self._analysis.evaluate(queries)

    def duplicates(
        self, options: DuplicateOptions | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough, the largest group first, in each the best image first.

        `progress` is told how many images have been compared, of how many.
        """
        return self._analysis.duplicates(options, progress)

    def fold(self, hits: Sequence[Hit], options: DuplicateOptions | None = None) -> list[Stack]:
        """Fold hits of this library that show the same thing under the best of them; the order of the others stays."""
        return self._analysis.fold(hits, options)

    def map(
        self, options: MapOptions | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> LibraryMap:
        """Return the library on a plane, like pictures near one another, in clusters with words for them.

        It is made once, kept in the library's folder or, where that is not written, in the user's cache, and made anew
        when much has changed.

        Args:
            options: how it is made; by UMAP where umap-learn is installed, else by PCA, of 10,000 images at most.
            progress: told how many words are embedded, of how many, when a model meets them first.
        """
        return self._analysis.map(options, progress)
