"""When which part of a watched folder is due for a look: a quiet moment after changes, and now and then all of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from ..library.images.archives import is_archive_name
from ..library.images.metadata.sidecars import is_sidecar_name
from .discover import covers, enters

# Past so many folders, one look at what holds them all is cheaper than a plan for each.
_MOST_FOLDERS = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a watch is, in seconds.

    A change is looked at once nothing has happened for `quiet_s`, and no later than `longest_s` after it happened.
    All of a folder is looked at every `full_every_s`, or every `poll_every_s` where the system tells of no changes;
    `retry_s` is the pause after the library could not be written.
    """

    quiet_s: float = 2.0
    longest_s: float = 30.0
    full_every_s: float = 900.0
    poll_every_s: float = 60.0
    retry_s: float = 5.0


# A look at all of a folder may take this share of the time, however large the folder.
_FULL_SHARE = 0.1


@dataclass(slots=True)
class Agenda:
    """What is due below one `root`, and when. Times are those of one monotonic clock, in seconds."""

    root: str
    pace: Pace
    full_at_s: float
    is_polled: bool = False
    _folders: set[str] = field(default_factory=set)
    _first_s: float = math.inf
    _last_s: float = math.inf
    _not_before_s: float = -math.inf

    def touch(self, path: str, now_s: float, *, is_folder: bool = False) -> None:
        """Note that something happened to `path`, if it is of a kind that indexing would look at."""
        if is_folder:
            if PurePath(path).is_relative_to(self.root) and enters(self.root, path):
                self._note(path, now_s)
        elif path == self.root:
            self._note(path, now_s)
        elif PurePath(path).is_relative_to(self.root) and _matters(self.root, path):
            # Its folder: what lies beside a file may tell of it.
            self._note(str(PurePath(path).parent), now_s)

    def touch_all(self, now_s: float) -> None:
        """Make all of it due now."""
        self.full_at_s = now_s

    @property
    def due_at_s(self) -> float:
        """When something is due next."""
        changes_s = min(self._last_s + self.pace.quiet_s, self._first_s + self.pace.longest_s)
        return max(min(changes_s, self.full_at_s), self._not_before_s)

    def take(self, now_s: float) -> list[str]:
        """Return the folders to look at now, the root alone for all of it; empty when nothing is due."""
        if now_s < self.due_at_s:
            return []
        folders = [self.root] if now_s >= self.full_at_s else coalesced(self._folders, self.root)
        self._folders = set()
        self._first_s = self._last_s = math.inf
        self._not_before_s = -math.inf
        return folders

    def done(self, folders: list[str], began_s: float, now_s: float) -> None:
        """Note that `folders` were looked at."""
        if folders == [self.root]:
            every_s = self.pace.poll_every_s if self.is_polled else self.pace.full_every_s
            self.full_at_s = now_s + max(every_s, (now_s - began_s) / _FULL_SHARE)

    def postpone(self, folders: list[str], now_s: float) -> None:
        """Note that `folders` could not be looked at: they are due again after a pause."""
        for folder in folders:
            self._note(folder, now_s)
        self._not_before_s = now_s + self.pace.retry_s

    def _note(self, path: str, now_s: float) -> None:
        self._folders.add(path)
        self._first_s = min(self._first_s, now_s)
        self._last_s = now_s


def coalesced(folders: Iterable[str], root: str, most: int = _MOST_FOLDERS) -> list[str]:
    """Return at most `most` folders, none inside another, that together hold `folders`; none lies above `root`."""
    kept = _outermost(folders)
    while len(kept) > most:
        deepest = max(_depth(folder) for folder in kept)
        kept = _outermost(
            str(PurePath(folder).parent) if _depth(folder) == deepest and folder != root else folder for folder in kept
        )
    return kept


def _outermost(folders: Iterable[str]) -> list[str]:
    kept: list[PurePath] = []
    # Sorted part by part, so that whatever lies inside a folder comes right after it.
    for folder in sorted({PurePath(folder) for folder in folders}):
        if not kept or not folder.is_relative_to(kept[-1]):
            kept.append(folder)
    return [str(folder) for folder in kept]


def _depth(folder: str) -> int:
    return len(PurePath(folder).parts)


def _matters(root: str, path: str) -> bool:
    name = PurePath(path).name
    # What is no picture may hold some, or tell of those beside it.
    return covers(root, path) or ((is_archive_name(name) or is_sidecar_name(name)) and enters(root, path))
