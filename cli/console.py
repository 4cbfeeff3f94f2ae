"""What the terminal shows while a command works, and how untrusted text is made safe for it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TextIO

from ..indexer.report import Progress

INTERRUPTED = 128 + signal.SIGINT
"""The exit code that shells report of a program ended by Ctrl-C."""

PIPE_CLOSED = 128 + 13
"""The exit code that shells report of a program whose reader went away, as `head` does: 128 and SIGPIPE's number."""

# A log wants a sign of life, not a film.
_LOG_INTERVAL_S = 10.0


def plain(text: str) -> str:
    """Return `text` with control characters escaped, so that a file's name cannot steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def duration(seconds: float) -> str:
    """Return a length of time as people say it, such as `4 min 10 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class ProgressLine:
    """Shows progress on `stream`: a bar on a terminal, a line every ten seconds in a log. A context manager."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, verb: str = "indexed") -> None:
        self._stream = stream
        self._clock = clock
        self._verb = verb
        self._started_s = self._last_s = clock()
        self._bar: _Bar | None = None

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show how far the run has come."""
        if self._stream.isatty():
            if self._bar is None:
                self._bar = _Bar(self._stream, progress.total)
            self._bar.move_to(progress.done)
            return
        now_s = self._clock()
        if now_s - self._last_s < _LOG_INTERVAL_S:
            return
        self._last_s = now_s
        rate = progress.done / (now_s - self._started_s)
        left = duration((progress.total - progress.done) / rate) if rate else "unknown time"
        self._stream.write(f"{self._verb} {progress.done:,} of {progress.total:,}, {rate:.1f}/s, {left} left\n")
        self._stream.flush()


class CountLine:
    """Shows on `stream` how many of the named things are done: a bar on a terminal, one line in a log. As a context."""

    def __init__(self, stream: TextIO, things: str) -> None:
        self._stream = stream
        self._things = things
        self._is_told = False
        self._bar: _Bar | None = None

    def __enter__(self) -> CountLine:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        if self._stream.isatty():
            if self._bar is None:
                self._bar = _Bar(self._stream, total, self._things)
            self._bar.move_to(done)
        elif not self._is_told and done < total:
            self._is_told = True
            self._stream.write(f"embedding {total:,} {self._things}, once for this model\n")
            self._stream.flush()


class _Bar:
    """A progress bar with rate and time left."""

    def __init__(self, stream: TextIO, total: int, unit: str = "image") -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, file=stream, unit=unit, smoothing=0.05, dynamic_ncols=True, leave=False)

    def move_to(self, done: int) -> None:
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()
