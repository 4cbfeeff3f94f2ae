"""The one object over a library: every verb of the command line, each done by one of the services behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..library.embedders.base import Embedder
from ..library.errors import ImageUnreadable
from ..library.files import StrPath
from ..library.types import Damage, Failure, Hit, ImageRecord, Label, Removed
from ..search.describe import DEFAULT_VOCABULARY, Vocabulary
from ..search.query.query import DEFAULT_K, KnownImage, Query
from .analysis_service import AnalysisService
from .export_service import ExportService
from .handle import LibraryHandle
from .indexing_service import IndexingService
from .maintenance_service import IndexedRoot, LibraryInfo, MaintenanceService
from .query_service import QueryService
from .vision_models import VisionModels
from .vlm_service import VlmService

# Types alone: to open a library imports nothing that indexes, reads SQL or runs a model.
if TYPE_CHECKING:
    from ..indexer.pipeline import IndexOptions
    from ..indexer.report import IndexReport, WatchReport
    from ..indexer.watch import WatchOptions
    from ..library.catalog.browsing import Facets
    from ..library.catalog.conditions import Condition
    from ..library.catalog.overviews import BrowseOrder, OverviewCatalog
    from ..library.checks.base import Finding
    from ..rerank.base import CaptionStyle, Judge, JudgeSpec, RerankResult
    from ..rerank.captioning import CaptionOptions, CaptionReport
    from ..rerank.fusion_fit import FusionFit
    from ..search.describe import Classified
    from ..search.duplicates import DuplicateGroup, DuplicateOptions, Stack
    from ..search.evaluate import Evaluation
    from ..search.export import TileOf
    from ..search.library_map import LibraryMap, MapOptions
    from ..search.texts import TextSearch


class Library:
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
    ) -> None:
        self._handle = handle = LibraryHandle.configured(folder, model, read_only=read_only)
        self._indexing = IndexingService(handle)
        self._maintenance = MaintenanceService(handle)
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
        """Let go of the database; call it last."""
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

    def remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Forget the images and failures at or below these paths, and images by id. No file is touched.

        Raises:
            NotIndexed, QueryError: nothing is known at a path, or no image has that id; then nothing is removed.
        """
        return self._maintenance.remove(what)

    def would_remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Return what `remove` would forget; nothing is forgotten. Raises as `remove` does."""
        return self._maintenance.would_remove(what)

    def prune(self, *, missing_for_days: float = 0.0) -> Removed:
        """Forget the images whose files have been missing for so many days, and their failures.

        What was kept for them alone goes too: judgements, and vector files of no model.
        """
        return self._maintenance.prune(missing_for_days)

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Check everything this library must be, and with `repair` mend what can be; see `Finding`."""
        return self._maintenance.doctor(repair=repair)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, in the order of their paths."""
        return self._handle.catalog.failures()

    def failed_roots(self) -> list[Path]:
        """Return what was given to index in which files failed: to be indexed again with `retry_failed`."""
        return self._maintenance.failed_roots()

    def damages(self) -> list[Damage]:
        """Return the pictures that were kept though something is wrong with them, in the order of their paths."""
        return self._handle.catalog.damages()

    def info(self) -> LibraryInfo:
        """Return what the library holds."""
        return self._maintenance.info()

    def version(self) -> int:
        """Return a number that grows whenever the library changes: what was found before holds while it stays."""
        return self._handle.catalog.meta().change_seq

    def roots(self) -> list[IndexedRoot]:
        """Return the folders, files and archives that were given to index, the one with most images first."""
        return self._maintenance.roots()

    def facets(self) -> Facets:
        """Return the folders, cameras, formats, ratings and dates that the library's images have, with counts."""
        return self._handle.catalog.browsing.facets()

    def count(self, where: Condition | None = None) -> int:
        """Count the images of which `where` is true; all of them unless given."""
        return self._handle.catalog.browsing.count(where)

    def newest(self, count: int, where: Condition | None = None) -> list[ImageRecord]:
        """Return up to `count` images of which `where` is true, taken last first; those without a date come last."""
        return self._queries.newest(count, where)

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

    def original(self, image: ImageRecord) -> Path | bytes:
        """Return an image's file as it is: where it lies or, of an archive's member, its bytes.

        Raises:
            ImageUnreadable: it is gone, cannot be read, or has changed since it was indexed.
        """
        return self._exports.original(image)

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

    def duplicates(self, options: DuplicateOptions | None = None) -> list[DuplicateGroup]:
        """Return groups of images of which one is enough, the largest group first, in each the best image first."""
        return self._analysis.duplicates(options)

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

    def refine(self, query: str | Query, *, depth: int = 50, budget_s: float | None = None) -> Iterator[RerankResult]:
        """Yield the answer to `query` in orders that get better: first as `search` has it, then as judged.

        The first comes before anything is judged. The judge is the one given to `photoseek.open`, else the library's
        vision-language model, else its own model, which looks at parts of each picture. What a judge said is
        remembered, and asked only once.

        Args:
            query: as for `search`. Its words are judged; those to keep away from are vetoes. Its `sort` is left aside.
            depth: how many hits are judged at most. There are as many hits as `query.k` says, but no fewer than this.
            budget_s: how long judging may go on; the batch that overdraws it is the last.

        Raises:
            QueryError: as `search` does, or the query has no words, or the depth or the budget makes no sense.
            ModelUnavailable: the judge's weights or packages cannot be had.
        """
        return self._vlm.refine(query, depth, budget_s)

    def tune(
        self, queries: StrPath, *, depth: int = 50, progress: Callable[[int, int], None] | None = None
    ) -> FusionFit:
        """Learn from labelled queries how much the judge of `refine` helps here, and let it count so much from now on.

        Where it does not help, or fewer than ten queries tell, that is nothing.

        Args:
            queries: a file; see search/labelled_queries.py for the formats.
            depth: how many hits of each query are judged.
            progress: told how many of how many queries are judged.

        Raises:
            EvaluationError: as `evaluate` does, or the judge failed.
            LibraryError: what was learned cannot be kept.
        """
        return self._vlm.tune(queries, depth, progress)

    def caption(
        self, paths: StrPath | Sequence[StrPath] | None = None, options: CaptionOptions | None = None
    ) -> CaptionReport:
        """Have the vision-language model caption images that lack its caption, and keep and embed what it says.

        Each batch is kept at once, and a run that was ended is taken up by the next.

        Args:
            paths: folders or files of the library; None for all of it.
            options: which of the images there, in which style and language; see `CaptionOptions`.

        Raises:
            NoVisionModel: no vision-language model is set up.
            NotIndexed: nothing is known at one of `paths`.
            QueryError: there is no such style, the language is no tag, or `paths` is an empty list.
            PhotoseekError: the model fails at one picture after the other; what it wrote before is kept.
        """
        return self._vlm.caption(paths, options)

    def ask(self, picture: StrPath | int, question: str, *, force: bool = False) -> str:
        """Have the vision-language model answer a question about one picture; the same one is answered from memory.

        `picture` is a file, in the library or not, or an image's id. With `force` it is asked anew, and kept in place.

        Raises:
            NoVisionModel: no vision-language model is set up.
            UnknownModel: the one that is set up answers no questions.
            QueryError: the question is empty, or the library has no such image.
            ImageUnreadable: the file cannot be read as a picture.
            NoAnswer: the model said nothing.
        """
        return self._vlm.ask(picture, question, force=force)

    def caption_of(self, picture: StrPath, style: CaptionStyle | None = None) -> str:
        """Return what the vision-language model says a picture in a file shows; nothing is kept. Needs no library.

        Raises as `caption` and `ask` do.
        """
        return self._vlm.caption_of(picture, style)

    @property
    def can_caption(self) -> bool:
        """Whether a model that captions is set up; it loads, or says what it lacks, when it is first used."""
        return self._models.can_caption

    @property
    def can_ask(self) -> bool:
        """Whether a model that answers questions is set up."""
        return self._models.can_answer

    @property
    def judge_spec(self) -> JudgeSpec:
        """Who `refine` would have look: name, device, and what pins its answers."""
        return self._models.judge.spec

    def export_npy(self, folder: StrPath, *, replace: bool = False) -> int:
        """Write vectors.npy and images.jsonl, a line for each of its rows; return how many."""
        return self._exports.npy(folder, replace=replace)

    def export_parquet(self, file: StrPath, *, replace: bool = False) -> int:
        """Write one Parquet file of vectors and what is known of their images; return the rows. Needs pyarrow."""
        return self._exports.parquet(file, replace=replace)

    def export_csv(self, hits: Sequence[Hit], file: StrPath, *, replace: bool = False) -> None:
        """Write a table with a row for each hit."""
        self._exports.csv(hits, file, replace=replace)

    def export_html(self, hits: Sequence[Hit], file: StrPath, *, title: str, replace: bool = False) -> None:
        """Write a page with the hits' pictures in it."""
        self._exports.html(hits, file, title, replace=replace)

    def export_sheet(
        self, hits: Sequence[Hit], file: StrPath, *, title: str, tile_of: TileOf | None = None, replace: bool = False
    ) -> None:
        """Draw the hits, or what `tile_of` makes of each, into a picture file: .jpg, .png or .webp."""
        self._exports.sheet(hits, file, title, tile_of, replace=replace)

    def check_targets(self, files: Sequence[StrPath], *, replace: bool = False) -> None:
        """Refuse what the exports would refuse to write to, before the work for them is done."""
        self._exports.check_targets(files, replace=replace)
