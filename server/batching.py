"""Searches that come at once share one pass of the model: what waits while a batch runs is the next batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..api import Library
from ..library.errors import PhotoseekError
from ..library.types import Hit
from ..search.query.query import Query, Words
from .metrics import Metrics
from .problems import too_busy

_MOST_AT_ONCE: Final = 32
_RUNNERS: Final = 2
"""Batches under way: while one waits for SQL, the other runs the model."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    query: Query
    answer: asyncio.Future[list[Hit]]


class SearchBatches:
    """Answers queries in batches; used from one event loop.

    Args:
        library: whom to ask.
        metrics: told how long the stages take.
        most_waiting: queries that wait at most; who comes after is told to come again.
    """

    def __init__(self, library: Library, metrics: Metrics, most_waiting: int) -> None:
        self._library = library
        self._metrics = metrics
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(_RUNNERS, thread_name_prefix="photoseek-search")

    async def search(self, query: Query) -> list[Hit]:
        """Return what `Library.search` does, and raise as it does.

        Raises:
            Problem: too many wait.
        """
        if len(self._waiting) >= self._most_waiting:
            raise too_busy()
        answer: asyncio.Future[list[Hit]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(query, answer))
        if len(self._running) < _RUNNERS:
            task = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await answer

    async def close(self) -> None:
        """Answer what waits, and end."""
        while self._running:
            await asyncio.gather(*self._running)
        self._threads.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch: list[_Waiting] = []
            while self._waiting and len(batch) < _MOST_AT_ONCE:
                waiting = self._waiting.popleft()
                if not waiting.answer.cancelled():
                    batch.append(waiting)
            if not batch:
                return
            queries = [each.query for each in batch]
            results = await loop.run_in_executor(self._threads, self._answers, queries)
            for each, result in zip(batch, results, strict=True):
                if each.answer.cancelled():
                    continue
                if isinstance(result, Exception):
                    each.answer.set_exception(result)
                else:
                    each.answer.set_result(result)

    def _answers(self, queries: Sequence[Query]) -> Sequence[list[Hit] | Exception]:
        texts = {term.subject.text for query in queries for term in query.terms if isinstance(term.subject, Words)}
        with suppress(PhotoseekError), self._metrics.stage("embed"):  # what fails does so again below, for whom it must
            self._library.embed_texts(sorted(texts))
        with self._metrics.stage("search"):
            shared = [query for query in queries if is_shareable(query)]
            answers: dict[int, list[Hit] | Exception] = {}
            with suppress(PhotoseekError):
                found = self._library.search_many(shared) if len(shared) > 1 else []
                answers = {id(query): hits for query, hits in zip(shared, found, strict=False)}
            return [answers[id(query)] if id(query) in answers else self._one(query) for query in queries]

    def _one(self, query: Query) -> list[Hit] | Exception:
        try:
            return self._library.search(query)
        except Exception as error:
            return error


def is_shareable(query: Query) -> bool:
    """Whether `Library.search_many` answers it together with others."""
    return (
        query.where is None
        and not query.texts
        and not query.negative
        and not query.calibrated
        and query.threshold != "auto"
    )
