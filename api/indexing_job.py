"""Indexing in the background: a process of its own reads the folders, and whoever is interested looks how far it is."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import IO, Final

from ..indexer.report import IndexReport, Progress
from ..library.errors import LibraryLocked, LibraryReadOnly, PhotoseekError
from ..library.processes import pipe_of
from .indexing_process import IndexOrder

_log = logging.getLogger(__name__)

# The paths are the parent's, however it got them.
_START: Final = f"import sys; sys.path[:] = sys.argv[1:]; from {__package__}.indexing_process import main; main()"

_LAST_WORDS: Final = 5
"""Lines of what the process wrote to stderr that are kept, for the error of one that died."""

END_LIMIT_S: Final = 20.0
"""How long a process that was told to stop may take over its last batch before it is killed; it loses that batch."""


@dataclass(frozen=True, slots=True)
class IndexJobState:
    """What a run in the background has come to.

    Attributes:
        paths: what is indexed.
        started_s: when it began, by `time.monotonic`.
        progress: None while the folders are being looked through.
        is_stopping: it was told to stop, and finishes a batch.
        report: what it did, once it has ended well.
        error: why it ended otherwise, in one line.
    """

    paths: tuple[str, ...]
    started_s: float
    progress: Progress | None = None
    is_stopping: bool = False
    report: IndexReport | None = None
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.report is None and self.error is None


class IndexJobs:
    """Runs that index into one library in the background, one at a time. Thread-safe.

    A run ends with the process that started it: what is done by then is kept.
    """

    def __init__(self, folder: Path, model: str | None = None, *, read_only: bool = False) -> None:
        """Take the library's folder, which the first run makes; the rest as `open_library` takes it."""
        self._folder = folder
        self._model = model
        self._read_only = read_only
        self._lock = Lock()
        self._job: _Job | None = None

    @property
    def state(self) -> IndexJobState | None:
        """What the last run has come to; None before the first."""
        with self._lock:
            return None if self._job is None else self._job.state

    def start(self, paths: Sequence[str], *, retry_failed: bool = False, prune: bool = False) -> IndexJobState:
        """Begin to index `paths`; what is wrong with them, or with the library, is told by the state.

        Raises:
            LibraryReadOnly: the library is opened read-only.
            LibraryLocked: a run of these is under way.
            PhotoseekError: no process can be started.
        """
        if self._read_only:
            raise LibraryReadOnly(self._folder)
        with self._lock:
            if self._job is not None and self._job.state.is_running:
                raise LibraryLocked(self._folder, "a run that was started here before")
            order = IndexOrder(str(self._folder), self._model, tuple(paths), retry_failed, prune)
            self._job = _Job(order)
            return self._job.state

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        state = self.state
        return state is not None and state.is_running

    def stop(self) -> None:
        """Tell the run under way to finish its batch and end; nothing where there is none."""
        with self._lock:
            if self._job is not None:
                self._job.stop()

    def wait(self) -> IndexJobState | None:
        """Wait for the run under way to end, and return what it came to."""
        with self._lock:
            job = self._job
        if job is None:
            return None
        job.reading.join()
        return job.state

    def close(self) -> None:
        """End the run under way: the batch in flight is given some time."""
        self.stop()
        with self._lock:
            job = self._job
        if job is not None:
            job.end()


class _Job:
    """One process that indexes, and a thread that hears what it tells."""

    def __init__(self, order: IndexOrder) -> None:
        self._lock = Lock()
        self._state = IndexJobState(order.paths, time.monotonic())
        # An empty entry means the current folder, which is another one's business.
        paths = [path or str(Path.cwd()) for path in sys.path]
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-W", "ignore", "-c", _START, *paths],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            message = f"no process can be started to index in: {error.strerror or error}"
            raise PhotoseekError(message) from error
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._listening = Thread(target=self._listen, args=(self._popen.stderr,), daemon=True)
        self._listening.start()
        self.reading = Thread(target=self._read, args=(self._popen.stdout,), name="photoseek-index-job", daemon=True)
        self._tell(order.line())
        self.reading.start()

    @property
    def state(self) -> IndexJobState:
        with self._lock:
            return self._state

    def stop(self) -> None:
        with self._lock:
            if not self._state.is_running or self._state.is_stopping:
                return
            self._state = replace(self._state, is_stopping=True)
        self._tell("stop\n")

    def end(self) -> None:
        self.reading.join(END_LIMIT_S)
        if self.reading.is_alive():
            self._popen.kill()
            self.reading.join()

    def _tell(self, line: str) -> None:
        try:
            stream = pipe_of(self._popen.stdin)
            stream.write(line)
            stream.flush()
        except (OSError, ValueError):
            pass  # it has ended, or its pipe is closed: its thread will tell how

    def _listen(self, stream: IO[str] | None) -> None:
        for line in pipe_of(stream):
            if line.strip():
                self._last_words.append(line.strip())
                _log.info("indexing: %s", line.rstrip())

    def _read(self, stream: IO[str] | None) -> None:
        for line in pipe_of(stream):
            match json.loads(line):
                case {"progress": {"done": int(done), "total": int(total)}}:
                    self._become(progress=Progress(done, total))
                case {"report": dict(report)}:
                    self._become(report=IndexReport(**report))
                case {"error": str(error)}:
                    self._become(error=error)
        code = self._popen.wait()
        self._listening.join()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            _close(pipe)
        if self.state.is_running:
            last = self._last_words[-1] if self._last_words else f"its exit code was {code}"
            self._become(error=f"indexing ended before it was done ({last}); run it again to go on from there")

    def _become(
        self, *, progress: Progress | None = None, report: IndexReport | None = None, error: str | None = None
    ) -> None:
        with self._lock:
            self._state = replace(self._state, progress=progress or self._state.progress, report=report, error=error)


def _close(stream: IO[str] | None) -> None:
    with suppress(OSError):  # what could not be written to an ended process is of no use to it
        pipe_of(stream).close()
