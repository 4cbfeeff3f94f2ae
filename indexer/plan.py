"""Plan: merge the files found with the catalogue's rows, and say what each file needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..library.changes import (
    Failed,
    FailureGone,
    FileState,
    KnownFailure,
    KnownFile,
    Relocated,
    Vanished,
)
from .discover import Found, Unlisted, covers, enters


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


Step: TypeAlias = Unchanged | StillFailing | ToRead | Relocated | Vanished | Failed | FailureGone


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
    rows = iter(known)
    row = next(rows, None)
    unlisted: list[str] = []
    gone_failures = dict(failures)
    for item in found:
        path = _path(item)
        while row is not None and row.path < path:
            yield from _not_found(root, row, unlisted)
            row = next(rows, None)
        failure = gone_failures.pop(path.rstrip("/"), None)
        same = row if row is not None and row.path == path else None
        if isinstance(item, Unlisted):
            unlisted.append(path)
            yield item.failed
        elif failure is not None and not retry_failed and _unmodified(_file(item), failure):
            yield StillFailing()
        elif isinstance(item, Failed):
            yield item
        else:
            step = _step(item, same)
            if failure is not None and isinstance(step, Unchanged):
                yield FailureGone(path)  # it is again what it was before it failed
            yield step
        if same is not None:
            row = next(rows, None)
    while row is not None:
        yield from _not_found(root, row, unlisted)
        row = next(rows, None)
    for path in gone_failures:
        if not path.startswith(tuple(unlisted)) and enters(root, path):
            yield FailureGone(path)


def _path(item: Found) -> str:
    # A folder sorts before everything below it.
    return item.failed.file.path.rstrip("/") + "/" if isinstance(item, Unlisted) else _file(item).path


def _file(item: FileState | Failed) -> FileState:
    return item.file if isinstance(item, Failed) else item


def _step(file: FileState, known: KnownFile | None) -> Step:
    if known is None or not known.embedded or not _unmodified(file, known):
        return ToRead(file, known)
    return Relocated(known.image_id, file) if known.missing else Unchanged()


def _unmodified(file: FileState, known: KnownFile | KnownFailure) -> bool:
    return (file.size_bytes, file.mtime_ns) == (known.size_bytes, known.mtime_ns)


def _not_found(root: str, row: KnownFile, unlisted: list[str]) -> Iterator[Vanished]:
    if not row.missing and not row.path.startswith(tuple(unlisted)) and covers(root, row.path):
        yield Vanished(row.image_id)
