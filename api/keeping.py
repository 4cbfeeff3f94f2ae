"""The verbs that keep a library: bring it up to date, follow, forget, check, and say what it holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import NotIndexed, QueryError
from ..library.paths import StrPath, expanded
from ..library.types import Damage, Failure, Removed
from ..search.query.query import KnownImage
from .opened import Opened

# Imported by the verbs that need it: a search is not to load what indexes.
if TYPE_CHECKING:
    from ..indexer.pipeline import IndexOptions
    from ..indexer.report import IndexReport, WatchReport
    from ..indexer.watch import WatchOptions
    from ..library.checks.base import Finding


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


class Keeping(Opened):
    """What writes to a library or reports on it."""

    def index(self, paths: StrPath | Sequence[StrPath], options: IndexOptions | None = None) -> IndexReport:
        """Bring the library up to date with folders and files: what is new, changed, moved, missing or back.

        Raises:
            FolderNotFound: one of `paths` does not exist.
            FolderUnusable: one of them cannot be indexed as it is.
            RootEmptied: a folder that held known images holds none; see `IndexOptions.prune`.
            LibraryReadOnly: the library was opened read-only.
            LibraryLocked: another process is writing to this library.
            PhotoseekError: the library or the model cannot be used.
        """
        from ..indexer.discover import as_roots
        from ..indexer.pipeline import IndexOptions

        self._check_writable()
        roots = as_roots(_paths(paths))
        return self._sync(roots, options or IndexOptions(), "index")

    def watch(self, paths: StrPath | Sequence[StrPath], options: WatchOptions | None = None) -> WatchReport:
        """Index folders and files, then follow them as they live until `options.index.stop` says yes.

        The library is held for writing only while there is something to write; whoever holds it then is waited for.
        A folder that vanishes or becomes empty is noted in the log, and taken up again when it is back.

        Raises:
            FolderNotFound: one of `paths` does not exist.
            FolderUnusable: one of them cannot be indexed as it is.
            LibraryReadOnly: the library was opened read-only.
            PhotoseekError: the library or the model cannot be used.
        """
        from ..indexer.discover import as_roots
        from ..indexer.fs_events import SystemEvents
        from ..indexer.watch import WatchOptions, follow

        self._check_writable()
        roots = as_roots(_paths(paths))
        options = options or WatchOptions()

        def sync(root: str, folders: list[str]) -> IndexReport:
            # A part of a folder may well have become empty; that the whole is still there was seen before.
            is_part = folders != [root]
            return self._sync(folders, replace(options.index, prune=is_part, within=root), "watch")

        with closing(SystemEvents()) as source:
            return follow(roots, sync, source, options)

    def remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Forget the images and failures at or below these paths, and images by id. No file is touched.

        Raises:
            NotIndexed: nothing is known at one of them; then nothing is removed.
            QueryError: there is no image of such an id; then nothing is removed.
            LibraryReadOnly: the library was opened read-only.
            LibraryLocked: another process is writing to this library.
        """
        self._check_writable()
        store = self._store
        given = self._absolute(what)
        with store.writing("remove"):
            return store.catalog.remove(self._known(given))

    def would_remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Return what `remove` would forget; nothing is forgotten.

        Raises:
            NotIndexed, QueryError: as `remove` does.
        """
        paths = [Path(path) for path in self._known(self._absolute(what))]
        outermost: list[Path] = []
        for path in sorted(set(paths)):  # part by part, so that whatever lies inside a path comes right after it
            if not outermost or not path.is_relative_to(outermost[-1]):
                outermost.append(path)
        return self._store.catalog.count_at([str(path) for path in outermost])

    def _absolute(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> list[str]:
        from ..search.query_embedder import known_image

        named = [what] if isinstance(what, str | os.PathLike | KnownImage) else list(what)
        return [
            str(known_image(self._store.catalog, one).path)
            if isinstance(one, KnownImage)
            else os.path.abspath(expanded(one))  # noqa: PTH100 - as indexing does
            for one in named
        ]

    def _known(self, paths: Sequence[str]) -> list[str]:
        """Return the names by which the catalogue knows paths: what is in an archive, by its path and "!"."""
        found: list[str] = []
        for path in paths:
            known = [name for name in (path, f"{path}!") if self._store.catalog.is_known(name)]
            if not known:
                raise NotIndexed(Path(path))
            found += known
        return found

    def prune(self, *, missing_for_days: float = 0.0) -> Removed:
        """Forget the images whose files have been missing for so many days, and their failures.

        What was kept for them alone goes too: judgements, and vector files of no model.

        Raises:
            QueryError: the number of days is negative.
            LibraryReadOnly: the library was opened read-only.
            LibraryLocked: another process is writing to this library.
        """
        from ..library.clock import utc_now

        self._check_writable()
        if not 0 <= missing_for_days <= timedelta.max.days:
            raise QueryError(f"{missing_for_days:g} is no number of days")
        store = self._store
        with store.writing("prune"):
            removed = store.catalog.prune(utc_now() - timedelta(days=missing_for_days))
            for model in store.catalog.models():
                store.vectors_of(model).publish_if_due()
            store.catalog.forget_deletions()
            store.remove_orphaned_vectors()
        return removed

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Check everything this library must be, and with `repair` mend what can be; see `Finding`.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
            LibraryReadOnly: something is to be repaired in a library that was opened read-only.
            LibraryLocked: something is to be repaired, and another process is writing to this library.
        """
        from ..library.doctor import examine

        return examine(self.folder, repair=repair, read_only=self.is_read_only)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, in the order of their paths."""
        return self._store.catalog.failures()

    def failed_roots(self) -> list[Path]:
        """Return what was given to index in which files failed: to be indexed again with `retry_failed`."""
        from ..indexer.discover import as_path

        return [as_path(root) for root in self._store.catalog.failed_roots()]

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

    def _sync(self, roots: list[str], options: IndexOptions, purpose: str) -> IndexReport:
        from ..indexer.pipeline import index
        from ..library.store import Store

        spec = self._embedder.spec  # a wrong name fails here, before a library is made for it
        if self._opened is None:
            self._opened = Store.open_or_create(self._settings)
        store = self._opened
        with store.writing(purpose):
            model = store.catalog.ensure_model(spec)
            report = index(store.catalog, model, self._embedder, roots, options)
            store.vectors_of(model).publish_if_due()
        return report


def _paths(given: StrPath | Sequence[StrPath]) -> list[Path]:
    return [expanded(path) for path in ([given] if isinstance(given, str | os.PathLike) else given)]


def _size_bytes(file: Path) -> int:
    """The size of a file, 0 for a folder or what has just been removed by whoever writes to the library."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
