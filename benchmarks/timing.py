"""Timing for noisy machines: the candidates take turns, and medians are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def take_turns(candidates: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run every candidate once a round, after one round that does not count; return seconds by name."""
    times_s: dict[str, list[float]] = {name: [] for name in candidates}
    for round_number in range(rounds + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if round_number:
                times_s[name].append(time.perf_counter() - start)
    return times_s


def spread(values: list[float]) -> str:
    """Return `median (least to most)` of seconds, in milliseconds."""
    median, least, most = (1000 * value for value in (statistics.median(values), min(values), max(values)))
    return f"{median:8.0f} ms ({least:.0f} to {most:.0f})"


def ratio(values: list[float], baseline: list[float]) -> float:
    """Return the median over rounds of value / baseline, which drifts of the machine's speed cannot touch."""
    return statistics.median(value / base for value, base in zip(values, baseline, strict=True))
