"""The pipeline: composes discover, plan, recognise, load, embed and write into one resumable run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.catalog.changes import ArchiveListed, Change, FailureGone, Indexed, Places, Relocated, Vanished
from ..library.embedders.base import Embedder, PlaceKeeping, preprocessing_of
from ..library.errors import RootEmptied
from ..library.images.isolation import IsolationLimits, fitting_workers
from ..library.images.sources import Failed
from ..library.types import Pixels, Vectors
from .background import AsyncWriter, ModelPrefetch, Spool, TextEmbedder
from .discover import discover, found_in
from .isolation import IsolatedLoader
from .load import Loaded, Loader, as_they_lie, in_order, worker_threads
from .plan import Retold, StillFailing, ToRead, Unchanged, plan
from .recognise import Recognised, Recogniser, relocated
from .report import IndexReport, Outcome, Progress

logger = logging.getLogger(__name__)

# A process for decoding starts in the time in which another decodes so many photographs.
_FILES_PER_PROCESS = 16

# Changes that need no model are written when so many have gathered, or with the next batch that does.
_MOST_PENDING = 1_000


def _never() -> bool:
    return False


def _unheard(_progress: Progress) -> None:
    pass


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How a run goes about it.

    `batch_size` pictures go through the model and into one transaction together; `workers` processes read and decode,
    one for each core unless given, or fewer where memory has no room for them.
    A file that takes one of them longer than `timeout_s`, and a second more for each 4 MB, is given up.
    `retry_failed` also reads files of the failure ledger that have not changed. `prune` believes a root that has
    become empty. `within` is the folder of which the roots are parts, if they are: what is in them is said to have been
    found there. `keep_places` keeps, where the model tells, what a judge needs of a picture beside its vector.
    `stop` is asked between files: once it says yes, the batch in flight is written and the run ends.
    `on_progress` is told of every batch, and of every file that needs none.
    """

    batch_size: int = 16
    workers: int = field(default_factory=fitting_workers)
    timeout_s: float = 60.0
    retry_failed: bool = False
    prune: bool = False
    within: str | None = None
    keep_places: bool = True
    stop: Callable[[], bool] = _never
    on_progress: Callable[[Progress], None] = _unheard


def index(
    catalog: Catalog, model: ModelRow, embedder: Embedder, roots: list[str], options: IndexOptions
) -> IndexReport:
    """Bring the catalogue up to date with `roots`, absolute paths none of which lies inside another.

    Whatever was written stays written: a run that is stopped or killed is taken up by the next.

    Raises:
        RootEmptied: a root with known images holds none at all, and `options.prune` is not set.
    """
    with Spool[ToRead]() as to_read, AsyncWriter(catalog, model.id) as writer:
        run = _Run(catalog, model, embedder, writer, options)
        for root in roots:
            run.plan_root(root, to_read)
        run.read(to_read)
    return run.report()


@dataclass(slots=True)
class _Run:
    catalog: Catalog
    model: ModelRow
    embedder: Embedder
    writer: AsyncWriter
    options: IndexOptions
    tally: Counter[str] = field(default_factory=Counter)
    text_embedder: TextEmbedder = field(init=False)
    pending: list[Change] = field(default_factory=list)
    vanished: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)
    interrupted: bool = False
    total: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        self.text_embedder = TextEmbedder(self.embedder)

    def plan_root(self, root: str, to_read: Spool[ToRead]) -> None:
        """Write what planning alone can tell, and add to `to_read` the files that must be looked at."""
        retry_failed = self.options.retry_failed
        known = self.catalog.planning.known_files(root, self.model.id)
        failures = self.catalog.planning.known_failures(root)
        vanished: list[Vanished] = []
        found_any = False
        found = discover(
            root,
            lambda archive: self.catalog.planning.is_archive_intact(archive, self.model.id, retry_failed=retry_failed),
            self.options.within,
            self._note_hidden,
        )
        found = found_in(found, self.options.within or root)
        for step in plan(root, found, known, failures, retry_failed=retry_failed):
            if self._stopping():
                return  # what was not found so far may yet be
            found_any |= not isinstance(step, Vanished | FailureGone)
            match step:
                case ToRead(known=row):
                    to_read.append(step)
                    if row is not None and row.missing:
                        self.returned.add(row.image_id)
                case Vanished():
                    vanished.append(step)
                case Unchanged():
                    self.tally["unchanged"] += 1
                case StillFailing():
                    self.tally["still_failing"] += 1
                case Failed() | Relocated():
                    self._note(step, "failed" if isinstance(step, Failed) else "restored")
                case Retold(file=file, known=row):
                    retold = relocated(row.image_id, file, row.sidecars)
                    self._note(retold, "restored" if row.missing else "touched")
                case FailureGone() | ArchiveListed():
                    self._write_later(step)
        if vanished and not found_any and not self.options.prune:
            raise RootEmptied(root, len(vanished))
        self.vanished.update(change.image_id for change in vanished)
        for change in vanished:
            self._write_later(change)
        self._write()
        self.writer.wait()  # the next root's plan looks at the same rows

    def read(self, to_read: Spool[ToRead]) -> None:
        """Recognise, load, embed and write the files planned for it, batch by batch."""
        recogniser = Recogniser(self.catalog, self.model.id, self.returned)
        loader = Loader(preprocessing_of(self.embedder), self.embedder.spec.image_size)
        batch: list[Loaded] = []
        self.total = len(to_read)
        workers = min(self.options.workers, 1 + self.total // _FILES_PER_PROCESS)
        ahead = 2 * self.options.batch_size + workers
        limits = IsolationLimits.of_machine(workers, self.options.timeout_s)
        # On leaving, the processes end first, so that no thread waits for one.
        with (
            ModelPrefetch(self.embedder) as model,
            worker_threads(workers) as pool,
            IsolatedLoader(loader, limits) as isolated,
        ):

            def unrecognised() -> Iterator[ToRead]:
                for item in recogniser.recognise(as_they_lie(to_read), pool):
                    if self._stopping():
                        return
                    if isinstance(item, Recognised):
                        self._note(item.change, item.outcome)
                        self._advance()
                    else:
                        model.start()
                        yield item

            for loaded in in_order(pool, isolated.load, unrecognised(), ahead):
                if self._stopping():
                    break
                if isinstance(loaded, Failed):
                    self._note(loaded, "failed")
                    self._advance()
                    continue
                batch.append(loaded)
                if len(batch) == self.options.batch_size:
                    self._embed(batch)
                    batch = []
        if batch and not self.interrupted:
            self._embed(batch)
        self._write()
        self.vanished -= recogniser.claimed

    def _note_hidden(self, folder: str) -> None:
        logger.info("passed by as hidden: %s", folder)
        self.tally["hidden"] += 1

    def report(self) -> IndexReport:
        """Return the counts of the run."""
        return IndexReport(**self.tally, missing=len(self.vanished), interrupted=self.interrupted)

    def _stopping(self) -> bool:
        self.interrupted = self.interrupted or self.options.stop()
        return self.interrupted

    def _embed(self, batch: list[Loaded]) -> None:
        vectors, kept = self._looked_at(np.stack([loaded.pixels for loaded in batch]))
        for loaded, vector, places in zip(batch, vectors, kept, strict=True):
            known = loaded.known
            content_changed = known is not None and known.content_hash != loaded.facts.content_hash
            image_id = None if known is None else known.image_id
            change = Indexed(
                loaded.file,
                loaded.facts,
                vector,
                image_id,
                content_changed=content_changed,
                texts=loaded.texts,
                places=places,
            )
            self._note(change, _outcome(loaded, content_changed=content_changed))
        self.tally["embedded"] += len(batch)
        self._write()
        self._advance(len(batch))

    def _looked_at(self, pixels: Pixels) -> tuple[Vectors, Sequence[Places | None]]:
        """Return the vectors of a batch, and what is kept of the places of each picture, if the model tells."""
        embedder = self.embedder
        if not (self.options.keep_places and isinstance(embedder, PlaceKeeping)):
            return embedder.embed_images(pixels), [None] * len(pixels)
        vectors, rows = embedder.embed_keeping_places(pixels)
        return vectors, [Places(embedder.places_version, row) for row in rows]

    def _advance(self, count: int = 1) -> None:
        self.done += count
        self.options.on_progress(Progress(self.done, self.total))

    def _note(self, change: Change, outcome: Outcome) -> None:
        self.tally[outcome] += 1
        self._write_later(change)

    def _write_later(self, change: Change) -> None:
        self.pending.append(change)
        if len(self.pending) >= _MOST_PENDING:
            self._write()

    def _write(self) -> None:
        if self.pending:
            self.writer.write(self.pending, self.text_embedder.vectors_of(self.pending))
            self.pending = []


def _outcome(loaded: Loaded, *, content_changed: bool) -> Outcome:
    known = loaded.known
    if known is None:
        return "new"
    if content_changed:
        return "changed"
    if known.missing:
        return "restored"
    # Read because this model has not seen it yet.
    same_date = (known.size_bytes, known.mtime_ns) == (loaded.file.size_bytes, loaded.file.mtime_ns)
    return "unchanged" if same_date else "touched"
