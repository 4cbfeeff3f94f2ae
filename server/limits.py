"""What bounds a caller: a rate per caller, and a number of dear requests at a time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Final

import anyio

from .problems import Problem, too_busy

_MOST_CALLERS: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimit:
    """Token buckets by caller, the latest few thousand of them; used from the event loop alone."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            Problem: there were too many; it says when to come again.
        """
        now_s = self._clock()
        bucket = self._buckets.setdefault(caller, _Bucket(self._burst, now_s))
        self._buckets.move_to_end(caller)
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        while len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            wait_s = max(1, ceil((1 - bucket.tokens) / self._per_s))
            detail = f"more than {self._per_s:g} requests a second: wait {wait_s} s"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(wait_s)})
        bucket.tokens -= 1


class HeavyWork:
    """A few places for dear requests; as many more may wait for one, and the rest are told to come again."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._limiter = anyio.CapacityLimiter(places)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            Problem: too many wait for one.
        """
        if self._limiter.statistics().tasks_waiting >= self._places * 4:
            raise too_busy(5)
        async with self._limiter:
            yield
