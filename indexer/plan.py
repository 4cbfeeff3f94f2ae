"""Plan: merge the files found with the catalogue's rows, and say what each file needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..library.catalog.changes import ArchiveListed, FailureGone, KnownFailure, KnownFile, Relocated, Vanished
from ..library.images.sources import Failed, FileState
from .discover import Found, Intact, Unlisted, covers, enters
from .retrying import has_passed


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file the catalogue has as it is."""


@dataclass(frozen=True, slots=True)
class StillFailing:
    """A file of the failure ledger that has not changed since it failed."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """A file whose content must be looked at. `known` is the row at its path, if there is one."""

    file: FileState
    known: KnownFile | None


@dataclass(frozen=True, slots=True)
class Retold:
    """A known picture whose sidecars alone have changed."""

    file: FileState
    known: KnownFile


Step: TypeAlias = (
    Unchanged | StillFailing | ToRead | Retold | Relocated | Vanished | Failed | FailureGone | ArchiveListed
)


def plan(
    root: str,
    found: Iterable[Found],
    known: Iterable[KnownFile],
    failures: dict[str, KnownFailure],
    *,
    retry_failed: bool = False,
) -> Iterator[Step]:
    """Yield one step for each file found and for each row whose file was not.

    Args:
        root: an absolute path.
        found: what `discover` yields for it, in the order of paths.
        known: the catalogue's rows for the same root, in the same order.
        failures: the ledger's rows for the same root, by path.
        retry_failed: also read files of the ledger that have not changed.
    """
    rows = _Rows(known)
    unlisted: list[str] = []
    gone_failures = dict(failures)
    for item in found:
        if isinstance(item, ArchiveListed):
            yield item
            continue
        path = _path(item)
        for row in rows.before(path):
            yield from _not_found(root, row, unlisted)
        if isinstance(item, Intact):
            yield from _intact(item, rows, gone_failures)
            continue
        failure = gone_failures.pop(path.rstrip("/"), None)
        same = rows.at(path)
        if isinstance(item, Unlisted):
            unlisted.append(path)
            remembered = failure is not None and not retry_failed and _is_same_archive(item.failed.file, failure)
            yield StillFailing() if remembered else item.failed
        elif failure is not None and not retry_failed and _unmodified(_file(item), failure):
            is_due = isinstance(item, FileState) and has_passed(failure, item.path)
            yield ToRead(_file(item), same) if is_due else StillFailing()
        elif isinstance(item, Failed):
            yield item
        else:
            step = _step(item, same)
            if failure is not None and isinstance(step, Unchanged):
                yield FailureGone(path)  # it is again what it was before it failed
            yield step
    for row in rows.before(None):
        yield from _not_found(root, row, unlisted)
    for path in gone_failures:
        if not path.startswith(tuple(unlisted)) and enters(root, path):
            yield FailureGone(path)


class _Rows:
    """The catalogue's rows, taken one by one in the order of their paths."""

    def __init__(self, rows: Iterable[KnownFile]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def before(self, path: str | None) -> Iterator[KnownFile]:
        """Take the rows whose paths come before `path`; None takes all."""
        while self._next is not None and (path is None or self._next.path < path):
            yield self._take(self._next)

    def below(self, start: str) -> Iterator[KnownFile]:
        """Take the next rows whose paths begin with `start`."""
        while self._next is not None and self._next.path.startswith(start):
            yield self._take(self._next)

    def at(self, path: str) -> KnownFile | None:
        """Take the next row, if its path is `path`."""
        return self._take(self._next) if self._next is not None and self._next.path == path else None

    def _take(self, row: KnownFile) -> KnownFile:
        self._next = next(self._rows, None)
        return row


def _intact(archive: Intact, rows: _Rows, failures: dict[str, KnownFailure]) -> Iterator[Step]:
    """Count an archive's images as they are known, and take its failures out of those that may be gone."""
    yield from (Unchanged() for row in rows.below(archive.path) if not row.missing)
    itself = failures.get(archive.path.rstrip("/"))
    if itself is not None and _has_date(itself):  # listed though damaged, and not mended since
        del failures[archive.path.rstrip("/")]
        yield StillFailing()
    for path in [path for path in failures if path.startswith(archive.path)]:
        del failures[path]
        yield StillFailing()


def _path(item: FileState | Failed | Unlisted | Intact) -> str:
    if isinstance(item, Intact):
        return item.path
    # A folder sorts before everything below it.
    return item.failed.file.path.rstrip("/") + "/" if isinstance(item, Unlisted) else _file(item).path


def _file(item: FileState | Failed) -> FileState:
    return item.file if isinstance(item, Failed) else item


def _step(file: FileState, known: KnownFile | None) -> Step:
    if known is None or not known.embedded or not _unmodified(file, known):
        return ToRead(file, known)
    if file.sidecars != known.sidecars:
        return Retold(file, known)
    return Relocated(known.image_id, file) if known.missing else Unchanged()


def _unmodified(file: FileState, known: KnownFile | KnownFailure) -> bool:
    return (file.size_bytes, file.mtime_ns) == (known.size_bytes, known.mtime_ns)


def _is_same_archive(file: FileState, failure: KnownFailure) -> bool:
    return _has_date(file) and _unmodified(file, failure)


def _has_date(file: FileState | KnownFailure) -> bool:
    """Whether this is of an archive; a folder that could not be listed has neither size nor date."""
    return bool(file.size_bytes or file.mtime_ns)


def _not_found(root: str, row: KnownFile, unlisted: list[str]) -> Iterator[Vanished]:
    if not row.missing and not row.path.startswith(tuple(unlisted)) and covers(root, row.path):
        yield Vanished(row.image_id)
