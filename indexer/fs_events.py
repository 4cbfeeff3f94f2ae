"""Hears from the system what happens below a folder; the sole user of watchdog."""

from __future__ import annotations

import errno
import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

# Not `opened` and `closed_no_write`: indexing itself reads the files.
_TELLING = frozenset({"created", "modified", "moved", "deleted", "closed"})

_LIMITS = "the system's limit on watched folders is reached (on Linux, raise fs.inotify.max_user_watches)"


@dataclass(frozen=True, slots=True)
class Touched:
    """Something happened to a file or folder: it came, went or changed."""

    path: str
    is_folder: bool


class Source(Protocol):
    """Where news of changes comes from."""

    def attend(self, root: str) -> str | None:
        """Begin to listen for changes below `root`, anew if need be; return the reason when that cannot be."""
        ...

    def is_attending(self, root: str) -> bool:
        """Whether changes below `root` are still heard of."""
        ...

    def receive(self, timeout_s: float) -> list[Touched]:
        """Return what happened since the last call, waiting up to `timeout_s` for something to happen."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class SystemEvents:
    """The operating system's own news, through watchdog."""

    def __init__(self) -> None:
        # Listening threads must never wait for the one that indexes.
        self._heard: queue.SimpleQueue[Touched] = queue.SimpleQueue()
        self._observers: dict[str, BaseObserver] = {}

    def attend(self, root: str) -> str | None:
        """See `Source.attend`."""
        try:
            from watchdog.events import FileSystemEventHandler
            from watchdog.observers import Observer
        except ModuleNotFoundError:
            return "watchdog is not installed (pip install 'photoseek[watch]')"
        self._dismiss(root)
        heard = self._heard

        class Listener(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                for touched in touched_by(event):
                    heard.put(touched)

        observer = Observer()
        try:
            observer.schedule(Listener(), root, recursive=True)
            observer.start()
        except OSError as error:
            if observer.is_alive():
                observer.stop()
            limited = error.errno in {errno.ENOSPC, errno.EMFILE}
            return _LIMITS if limited else f"{root} cannot be watched: {error.strerror or error}"
        self._observers[root] = observer
        return None

    def is_attending(self, root: str) -> bool:
        """See `Source.is_attending`."""
        observer = self._observers.get(root)
        return observer is not None and observer.is_alive() and all(each.is_alive() for each in observer.emitters)

    def receive(self, timeout_s: float) -> list[Touched]:
        """See `Source.receive`."""
        received: list[Touched] = []
        try:
            received.append(self._heard.get(timeout=max(0.0, timeout_s)))
            while True:
                received.append(self._heard.get_nowait())
        except queue.Empty:
            return received

    def close(self) -> None:
        """See `Source.close`."""
        for root in list(self._observers):
            self._dismiss(root)

    def _dismiss(self, root: str) -> None:
        observer = self._observers.pop(root, None)
        if observer is not None:
            observer.stop()
            observer.join()


def touched_by(event: FileSystemEvent) -> list[Touched]:
    """Return what `event` says has come, gone or changed; a folder whose content changed is told by that content."""
    if event.event_type not in _TELLING or (event.is_directory and event.event_type == "modified"):
        return []
    paths = [event.src_path, event.dest_path]
    return [Touched(_text(path), event.is_directory) for path in paths if path]


def _text(path: bytes | str) -> str:
    return path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
