"""What the terminal shows while a command works, and how untrusted text is made safe for it."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from ..indexer.report import Progress

INTERRUPTED = 128 + signal.SIGINT
"""The exit code that shells report of a program ended by Ctrl-C."""

TERMINATED = 128 + signal.SIGTERM
"""The exit code that shells report of a program that was asked to end, as `kill` and a system that shuts down do."""

PIPE_CLOSED = 128 + 13
"""The exit code that shells report of a program whose reader went away, as `head` does: 128 and SIGPIPE's number."""

# A log wants a sign of life, not a film.
_LOG_INTERVAL_S = 10.0

# What is known of less than this tells nothing of what is to come.
_LEAST_KNOWN_S = 2.0

_SHORTEST_STEP_S = 0.1


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


class Pace:
    """How fast something goes: over the latter half of the time so far, since a start is slow (models load).

    Args:
        now_s: when the first `done` of them were done, which count for nothing.
    """

    def __init__(self, done: int, now_s: float) -> None:
        self._first_s = now_s
        self._seen: deque[tuple[float, int]] = deque([(now_s, done)])

    def note(self, done: int, now_s: float) -> None:
        """Note how many are done by now."""
        if now_s - self._seen[-1][0] >= _SHORTEST_STEP_S:
            self._seen.append((now_s, done))
        half_s = (self._first_s + now_s) / 2
        while len(self._seen) > 1 and self._seen[0][0] < half_s:
            self._seen.popleft()

    def per_second(self, done: int, now_s: float) -> float | None:
        """Return how many are done in a second, None while too little is known."""
        then_s, before = self._seen[0]
        return (done - before) / (now_s - then_s) if now_s - then_s >= _LEAST_KNOWN_S and done > before else None

    def worded(self, done: int, total: int, now_s: float) -> str:
        """Return the rate and the time left in words."""
        rate = self.per_second(done, now_s)
        return "unknown time left" if rate is None else f"{rate:.1f}/s, {duration((total - done) / rate)} left"


class ProgressLine:
    """Shows progress on `stream`: a bar on a terminal, a line every ten seconds in a log. A context manager."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, verb: str = "indexed", unit: str = "image"
    ) -> None:
        self._stream = stream
        self._unit = unit
        self._of = "" if unit == "image" else f" {unit}s"
        self._clock = clock
        self._verb = verb
        self._last_s = clock()
        self._pace: Pace | None = None
        self._bar: _Bar | None = None

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def told(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        self(Progress(done, total))

    def __call__(self, progress: Progress) -> None:
        """Show how far the run has come."""
        now_s = self._clock()
        if self._pace is None:
            self._pace = Pace(progress.done, now_s)
        self._pace.note(progress.done, now_s)
        if self._stream.isatty():
            if self._bar is None:
                self._bar = _Bar(self._stream, progress.total, self._unit)
            self._bar.move_to(progress.done, self._pace.worded(progress.done, progress.total, now_s))
        elif now_s - self._last_s >= _LOG_INTERVAL_S:
            self._last_s = now_s
            pace = self._pace.worded(progress.done, progress.total, now_s)
            self._stream.write(f"{self._verb} {progress.done:,} of {progress.total:,}{self._of}, {pace}\n")
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
    """A progress bar, and beside it words on how fast it goes."""

    def __init__(self, stream: TextIO, total: int, unit: str = "image") -> None:
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} " + unit + " [{elapsed}{postfix}]"
        self._bar = tqdm(total=total, file=stream, unit=unit, dynamic_ncols=True, leave=False, bar_format=shape)

    def move_to(self, done: int, pace: str = "") -> None:
        if pace:
            self._bar.set_postfix_str(pace, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()
