"""The verbs of `Library` that keep it: what it holds, what failed, what is to be forgotten, and whether it is sound."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.files import StrPath
from ..library.types import Damage, Failure, Removed
from ..search.query.query import KnownImage
from .cache_service import CacheService
from .handle import LibraryHandle
from .maintenance_service import IndexedRoot, LibraryInfo, MaintenanceService

if TYPE_CHECKING:
    from ..indexer.verify import VerifyOptions, VerifyReport
    from ..library.checks.base import Finding
    from ..library.kept import Kept, KeptKind


class UpkeepVerbs:
    """The part of `Library` that reports on it, removes from it and repairs it."""

    _handle: LibraryHandle
    _maintenance: MaintenanceService
    _cache: CacheService

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

    def verify(
        self, paths: StrPath | Sequence[StrPath] | None = None, options: VerifyOptions | None = None
    ) -> VerifyReport:
        """Read the files at or below `paths`, or all, again and compare them with what was indexed.

        Raises:
            NotIndexed: nothing is known at one of `paths`.
        """
        return self._maintenance.verify(paths, options)

    def compact(self) -> None:
        """Give the disk back what was forgotten; needs as much free room as the database takes, for a while."""
        self._maintenance.compact()

    def cache(self) -> list[Kept]:
        """Return what is remembered to spare work, in the library and in the user's cache, by kind and model."""
        return self._cache.kept()

    def clear_cache(self, kinds: Collection[KeptKind], *, model: str | None = None) -> list[Kept]:
        """Let go of what is remembered of these kinds, and of a model if one is named; return what that was.

        Raises:
            QueryError: there is no such kind.
        """
        return self._cache.clear(kinds, model)

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

    def index_lag(self) -> int:
        """Return how many changes of the library its newest vector file has not seen; searches see them all the same.

        Raises as `search` does where nothing was indexed with the library's model.
        """
        return self._handle.vectors.lag()

    def version(self) -> int:
        """Return a number that grows whenever the library changes: what was found before holds while it stays."""
        return self._handle.catalog.meta().change_seq

    def roots(self) -> list[IndexedRoot]:
        """Return the folders, files and archives that were given to index, the one with most images first."""
        return self._maintenance.roots()
