"""A second look that goes on while the page is shown: run beside it, one at a time in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread

from ..library.errors import PhotoseekError
from ..rerank.base import RerankResult

_TURN = Lock()
"""Whoever judges holds it: two models at work at once would each be half as fast, and not fit some machines' memory."""


class RerankJob:
    """One second look, begun when constructed. Thread-safe.

    Args:
        begin: returns the orders, better and better, as `Library.refine` does.
    """

    def __init__(self, begin: Callable[[], Iterator[RerankResult]]) -> None:
        self._begin = begin
        self._stopped = Event()
        self._latest: RerankResult | None = None
        self._error: str | None = None
        self._thread = Thread(target=self._run, name="photoseek-refine", daemon=True)
        self._thread.start()

    @property
    def latest(self) -> RerankResult | None:
        """The best order so far, None before the first."""
        return self._latest

    @property
    def error(self) -> str | None:
        """Why there is no second look, in one line."""
        return self._error

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Have it end after the batch that is being looked at."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        with _TURN:
            if self._stopped.is_set():
                return
            try:
                for refinement in self._begin():
                    self._latest = refinement
                    if self._stopped.is_set():
                        return
            except PhotoseekError as error:
                self._error = str(error)
