"""What Prometheus is told: seconds, counts and lags; no query, path or key is ever a label."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SEARCH_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 2, 5)
_VLM_BUCKETS_S: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The figures of one server process, or of several that share a folder."""

    def __init__(self, *, is_shared: bool = False) -> None:
        self._registry = registry = CollectorRegistry()
        self._is_shared = is_shared
        self.requests = Counter(
            "photoseek_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "photoseek_request_seconds", "From a request's head to its answer's end.", ["route"], registry=registry
        )
        self._stages = Histogram(
            "photoseek_search_seconds",
            "Searches by stage: batches embed and search, one by one they are read and answered.",
            ["stage"],
            registry=registry,
            buckets=_SEARCH_BUCKETS_S,
        )
        self.vlm_seconds = Histogram(
            "photoseek_vlm_seconds",
            "Reranks, captions and answers of a vision-language model.",
            ["task"],
            registry=registry,
            buckets=_VLM_BUCKETS_S,
        )
        self.vlm_errors = Counter("photoseek_vlm_errors", "Those that failed.", ["task"], registry=registry)
        self.judged = Counter(
            "photoseek_judged", "Judgements, by whether they were remembered.", ["cache"], registry=registry
        )
        self.thumbnails = Counter(
            "photoseek_thumbnails", "Thumbnails, by whether they were kept.", ["cache"], registry=registry
        )
        self._images = Gauge(
            "photoseek_images", "Images that can be found.", registry=registry, multiprocess_mode="mostrecent"
        )
        self._lag = Gauge(
            "photoseek_index_lag_transactions",
            "Changes of the library since the newest published vectors; they are searched exactly beside these.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a stage of a search."""
        return self._stages.labels(name).time()

    def page(self, count_images: Callable[[], int], count_lag: Callable[[], int]) -> bytes:
        """Return the page that Prometheus reads."""
        self._images.set(count_images())
        self._lag.set(count_lag())
        if self._is_shared:
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            return generate_latest(shared)
        return generate_latest(self._registry)
