"""Maintenance: what a library holds, what failed, what is to be forgotten, and whether all of it is sound."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import NotIndexed, QueryError
from ..library.files import StrPath, expanded
from ..library.types import Removed
from ..search.query.query import KnownImage
from .handle import LibraryHandle

if TYPE_CHECKING:
    from ..indexer.verify import VerifyOptions, VerifyReport
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


@dataclass(frozen=True, slots=True)
class IndexedRoot:
    """A folder, file or archive that was given to index: its path, that in the catalogue, and how many images it has.

    They differ for an archive, which the catalogue writes with a "!" at its end.
    """

    path: Path
    catalog_path: str
    images: int


class MaintenanceService:
    """Reports on one library, removes from it and repairs it; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle) -> None:
        self._handle = handle

    def remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Forget images and failures."""
        self._handle.check_writable()
        store = self._handle.store
        given = self._absolute(what)
        with store.writing("remove"):
            return store.catalog.remove(self._known(given))

    def would_remove(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> Removed:
        """Count what `remove` would forget."""
        paths = [Path(path) for path in self._known(self._absolute(what))]
        outermost: list[Path] = []
        for path in sorted(set(paths)):  # part by part, so that whatever lies inside a path comes right after it
            if not outermost or not path.is_relative_to(outermost[-1]):
                outermost.append(path)
        return self._handle.catalog.count_at([str(path) for path in outermost])

    def prune(self, missing_for_days: float) -> Removed:
        """Forget what has been missing for so long."""
        from ..library.clock import utc_now

        self._handle.check_writable()
        if not 0 <= missing_for_days <= timedelta.max.days:
            raise QueryError(f"{missing_for_days:g} is no number of days")
        store = self._handle.store
        with store.writing("prune"):
            removed = store.catalog.prune(utc_now() - timedelta(days=missing_for_days))
            for model in store.catalog.models():
                store.vectors_of(model).publish_if_due()
            store.catalog.forget_deletions()
            store.remove_orphaned_vectors()
        return removed

    def verify(self, paths: StrPath | Sequence[StrPath] | None, options: VerifyOptions | None) -> VerifyReport:
        """Compare files with what was indexed."""
        from ..indexer.verify import VerifyOptions, verify

        options = options or VerifyOptions()
        given = [] if paths is None else self._known(self._absolute(paths))
        if not options.reread:
            return verify(self._handle.catalog, given, options)
        self._handle.check_writable()
        with self._handle.store.writing("verify"):
            return verify(self._handle.catalog, given, options)

    def compact(self) -> None:
        """Give the disk back what is forgotten."""
        self._handle.check_writable()
        store = self._handle.store
        with store.writing("compact"):
            for model in store.catalog.models():
                if not store.catalog.count_vectors(model.id):
                    store.generations_of(model).remove_all()
                    store.catalog.forget_generation(model.id)
                elif store.catalog.generation_number(model.id):
                    store.vectors_of(model).publish()
            store.catalog.forget_deletions()
            store.remove_orphaned_vectors()
            store.database.compact()

    def doctor(self, *, repair: bool) -> list[Finding]:
        """Check the library, and repair it if asked to."""
        from ..library.doctor import examine

        settings = self._handle.settings
        return examine(settings.folder, repair=repair, read_only=settings.read_only)

    def failed_roots(self) -> list[Path]:
        """Return what was given to index in which files failed."""
        from ..indexer.discover import as_path

        return [as_path(root) for root in self._handle.catalog.failed_roots()]

    def roots(self) -> list[IndexedRoot]:
        """Return what was given to index."""
        from ..indexer.discover import as_path

        facets = self._handle.catalog.browsing.facets()
        return [IndexedRoot(as_path(root.value), root.value, root.count) for root in facets.roots]

    def info(self) -> LibraryInfo:
        """Return what the library holds."""
        folder, catalog = self._handle.folder, self._handle.catalog
        counts = catalog.counts()
        models = tuple(ModelInfo(row.key, row.name, row.dim, catalog.count_vectors(row.id)) for row in catalog.models())
        size_bytes = sum(_size_bytes(file) for file in folder.rglob("*"))
        return LibraryInfo(folder, counts.images, counts.missing, counts.failures, models, size_bytes)

    def _absolute(self, what: StrPath | KnownImage | Sequence[StrPath | KnownImage]) -> list[str]:
        from ..search.query_embedder import known_image

        named = [what] if isinstance(what, str | os.PathLike | KnownImage) else list(what)
        return [
            str(known_image(self._handle.catalog, one).path)
            if isinstance(one, KnownImage)
            else os.path.abspath(expanded(one))  # noqa: PTH100 - as indexing does
            for one in named
        ]

    def _known(self, paths: Sequence[str]) -> list[str]:
        """Return the names by which the catalogue knows paths: what is in an archive, by its path and "!"."""
        found: list[str] = []
        for path in paths:
            known = [name for name in (path, f"{path}!") if self._handle.catalog.is_known(name)]
            if not known:
                raise NotIndexed(Path(path))
            found += known
        return found


def _size_bytes(file: Path) -> int:
    """The size of a file, 0 for a folder or what has just been removed by whoever writes to the library."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
