"""Verify: read again every file that size and date call unchanged, and compare it with what was indexed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..library.catalog.catalog import Catalog
from ..library.catalog.changes import IndexedFile
from ..library.images.archives import split_member
from .load import hash_file

State: TypeAlias = Literal["same", "altered", "unreadable", "outdated"]

_AHEAD = 64


def _never() -> bool:
    return False


def _unheard(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How files are verified: with `reread`, the next index reads those that differ again.

    `workers` files are read at a time. `stop` is asked between files, and `on_progress` told how many of how many are
    done.
    """

    reread: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    stop: Callable[[], bool] = _never
    on_progress: Callable[[int, int], None] = _unheard


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What came of it.

    `same` files are what was indexed. `altered` are paths of files with other bytes though their size and date are the
    same: a failing disk, or a program that sets dates back. `unreadable` could not be read, or have gone. `outdated`
    changed in size or date since, and are for `index` to read. `interrupted` says that the run was asked to stop.
    """

    same: int
    altered: tuple[str, ...]
    unreadable: tuple[str, ...]
    outdated: int
    interrupted: bool = False


def verify(catalog: Catalog, paths: Sequence[str], options: VerifyOptions) -> VerifyReport:
    """Compare the files of the images at or below `paths`, of all where none is given."""
    files = catalog.indexed_files(paths)
    found: dict[State, list[IndexedFile]] = {"same": [], "altered": [], "unreadable": [], "outdated": []}
    interrupted = False
    done = 0
    with ThreadPoolExecutor(options.workers, thread_name_prefix="photoseek-verify") as pool:
        for file, state in _compared(pool, files):
            found[state].append(file)
            done += 1
            options.on_progress(done, len(files))
            if options.stop():
                interrupted = True
                pool.shutdown(wait=True, cancel_futures=True)
                break
    if options.reread:
        catalog.forget_dates([file.image_id for file in found["altered"]])
    return VerifyReport(
        same=len(found["same"]),
        altered=tuple(file.path for file in found["altered"]),
        unreadable=tuple(file.path for file in found["unreadable"]),
        outdated=len(found["outdated"]),
        interrupted=interrupted,
    )


def _compared(pool: ThreadPoolExecutor, files: Sequence[IndexedFile]) -> Iterator[tuple[IndexedFile, State]]:
    waiting: deque[tuple[IndexedFile, Future[State]]] = deque()
    for file in files:
        waiting.append((file, pool.submit(_state, file)))
        if len(waiting) >= _AHEAD:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def _state(file: IndexedFile) -> State:
    if split_member(file.path) is None:
        try:
            status = os.stat(file.path)  # noqa: PTH116 - paths are plain strings here
        except OSError:
            return "unreadable"
        if (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.mtime_ns):
            return "outdated"
    content_hash = hash_file(file.path)
    if content_hash is None:
        return "unreadable"
    return "same" if content_hash == file.content_hash else "altered"
