"""Follow: keep the catalogue up to date with folders as they live, until told to stop."""

# Paths stay plain strings here, as in discover.py.
# ruff: noqa: PTH116

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..library.errors import CatalogUnavailable, IndexWriteFailed, LibraryLocked, PhotoseekError, RootEmptied
from ..library.images.archives import is_archive_name
from .agenda import Agenda, Pace
from .discover import discover
from .fs_events import Source
from .pipeline import IndexOptions
from .report import IndexReport, WatchReport

logger = logging.getLogger(__name__)

# How often it is asked whether to stop, and whether the folders' disks are still there.
_HEARTBEAT_S = 1.0

Sync: TypeAlias = Callable[[str, list[str]], IndexReport]
"""Brings the catalogue up to date with some folders inside a root, or with the root: `sync(root, folders)`."""


def _unheard(_report: IndexReport) -> None:
    pass


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch goes about it.

    `index` is used for every look at the folders; its `stop` also ends the watch, and its `prune` counts for nothing.
    `on_sync` is told what each look found.
    """

    index: IndexOptions = field(default_factory=IndexOptions)
    pace: Pace = field(default_factory=Pace)
    on_sync: Callable[[IndexReport], None] = _unheard


def follow(
    roots: list[str], sync: Sync, source: Source, options: WatchOptions, clock: Callable[[], float] = time.monotonic
) -> WatchReport:
    """Look at all of `roots`, then at whatever changes below them, until `options.index.stop` says yes.

    A folder that is gone or has become empty, a library that somebody else is writing to and a database that does not
    answer are noted in the log, and tried again.
    """
    watch = _Watch(roots, sync, source, options, clock)
    while not options.index.stop():
        watch.look_around()
        watch.sync_what_is_due()
        watch.listen()
    return watch.report


class _Watch:
    def __init__(
        self, roots: list[str], sync: Sync, source: Source, options: WatchOptions, clock: Callable[[], float]
    ) -> None:
        self.report = WatchReport()
        self._sync = sync
        self._source = source
        self._options = options
        self._clock = clock
        self._agendas = [Agenda(root, options.pace, full_at_s=clock()) for root in roots]
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._noted: dict[str, str] = {}

    def look_around(self) -> None:
        """Begin to listen to each root that is new here: at first, and when its disk has been mounted again."""
        for agenda in self._agendas:
            root = agenda.root
            if _is_archive(root):
                agenda.is_polled = True  # its name here is not the one that the system tells of
                continue
            identity = _identity(root)
            if root in self._identities and identity == self._identities[root]:
                if identity is not None and not agenda.is_polled and not self._source.is_attending(root):
                    self._poll(agenda, f"changes in {root} are no longer told")
                continue
            self._identities[root] = identity
            agenda.touch_all(self._clock())
            if identity is not None:
                reason = self._source.attend(root)
                agenda.is_polled = False
                if reason is not None:
                    self._poll(agenda, reason)

    def sync_what_is_due(self) -> None:
        """Look at every folder whose time has come."""
        for agenda in self._agendas:
            folders = agenda.take(self._clock())
            if folders and not self._options.index.stop():
                self._look_at(agenda, folders)

    def listen(self) -> None:
        """Wait for news until something is due, a heartbeat at most."""
        due_s = min(agenda.due_at_s for agenda in self._agendas) - self._clock()
        for touched in self._source.receive(min(max(due_s, 0.0), _HEARTBEAT_S)):
            for agenda in self._agendas:
                agenda.touch(touched.path, self._clock(), is_folder=touched.is_folder)

    def _look_at(self, agenda: Agenda, folders: list[str]) -> None:
        root, began_s = agenda.root, self._clock()
        # Below a root that holds nothing, each folder has gone with its disk: the root as a whole tells them apart.
        if folders != [root] and next(iter(discover(root)), None) is None:
            folders = [root]
        try:
            report = self._sync(root, folders)
        except (LibraryLocked, CatalogUnavailable, IndexWriteFailed) as error:
            self._note(root, error, "trying again")
            agenda.postpone(folders, self._clock())
            return
        except RootEmptied as error:
            self._note(root, error, "watching on")
        else:
            self._noted.pop(root, None)
            self.report = self.report.plus(report)
            self._options.on_sync(report)
        agenda.done(folders, began_s, self._clock())

    def _poll(self, agenda: Agenda, reason: str) -> None:
        agenda.is_polled = True
        agenda.touch_all(self._clock())
        logger.warning("%s: looking at all of %s every %g s instead", reason, agenda.root, agenda.pace.poll_every_s)

    def _note(self, root: str, error: PhotoseekError, consequence: str) -> None:
        """Say once what is wrong with `root`, not at each attempt."""
        if self._noted.get(root) != str(error):
            logger.warning("%s; %s", error, consequence)
        self._noted[root] = str(error)


def _identity(root: str) -> tuple[int, int] | None:
    """What tells a mounted disk from its mount point; None when nothing is there."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_archive(root: str) -> bool:
    return root.endswith("!") and is_archive_name(root[:-1])
