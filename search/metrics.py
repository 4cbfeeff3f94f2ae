"""How good a ranking is, from the ranks of what is relevant; and how sure a mean is, by bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ranks: TypeAlias = NDArray[np.int64]
"""(r,) int64, ascending: the places, from 1, at which the relevant items come. All of them are ranked somewhere."""

Values: TypeAlias = NDArray[np.float64]

RESAMPLES: Final = 2_000

RECALL_LEVELS: Final = tuple(level / 20 for level in range(21))
"""At which a curve of precision is read."""


def average_precision(ranks: Ranks) -> float:
    """Mean of the precisions at each relevant rank; 0 where nothing is relevant."""
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks)) if len(ranks) else 0.0


def precision_at(ranks: Ranks, k: int) -> float:
    """Share of relevant items among the first `k`, or among as many as there are relevant ones where fewer."""
    wanted = min(k, len(ranks))
    return float((ranks <= k).sum() / wanted) if wanted else 0.0


def recall_at(ranks: Ranks, k: int) -> float:
    """Share of the relevant items that come among the first `k`."""
    return float((ranks <= k).mean()) if len(ranks) else 0.0


def hit_at(ranks: Ranks, k: int) -> float:
    """1 if one of the first `k` is relevant, else 0."""
    return float((ranks <= k).any())


def ndcg_at(ranks: Ranks, k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`, relevant items gaining 1 (Järvelin, Kekäläinen 2002)."""
    if not len(ranks):
        return 0.0
    ideal = 1.0 / np.log2(np.arange(1, min(k, len(ranks)) + 1) + 1.0)
    return float((1.0 / np.log2(ranks[ranks <= k] + 1.0)).sum() / ideal.sum())


def precision_curve(ranks: Ranks) -> Values:
    """Return the best precision at each of RECALL_LEVELS or beyond, (21,); zeros where nothing is relevant.

    Interpolated as TREC does (Manning, Raghavan, Schütze 2008, section 8.4), so that it never rises and curves of
    queries with different numbers of relevant items can be averaged.
    """
    if not len(ranks):
        return np.zeros(len(RECALL_LEVELS))
    precision = np.arange(1, len(ranks) + 1) / ranks
    best_from = np.maximum.accumulate(precision[::-1])[::-1]
    needed = np.ceil(np.array(RECALL_LEVELS) * len(ranks) - 1e-9).astype(np.int64)
    return np.asarray(best_from[np.maximum(needed, 1) - 1], dtype=np.float64)


def recall_curve(ranks: Ranks, most: int) -> Values:
    """Return the share of the relevant items among the first 1, 2, ... `most`, (most,); zeros where none is."""
    found = np.searchsorted(ranks, np.arange(1, most + 1), side="right")
    return np.asarray(found / max(1, len(ranks)), dtype=np.float64)


MEASURES: Final[Mapping[str, Callable[[Ranks], float]]] = MappingProxyType(
    {
        "mAP": average_precision,
        "nDCG@10": lambda ranks: ndcg_at(ranks, 10),
        "P@10": lambda ranks: precision_at(ranks, 10),
        "recall@1": lambda ranks: recall_at(ranks, 1),
        "recall@5": lambda ranks: recall_at(ranks, 5),
        "recall@10": lambda ranks: recall_at(ranks, 10),
        "hit@1": lambda ranks: hit_at(ranks, 1),
        "hit@5": lambda ranks: hit_at(ranks, 5),
        "hit@10": lambda ranks: hit_at(ranks, 10),
    }
)
"""Every measure that an evaluation reports, in its order."""


def interval(values: Values, seed: int = 0) -> tuple[float, float]:
    """Bounds of the 95% bootstrap interval of the mean of (n,) values, n at least 1 (percentile method)."""
    low, high = np.quantile(resampled_means(values, seed), [0.025, 0.975])
    return float(low), float(high)


def resampled_means(values: Values, seed: int = 0) -> Values:
    """Return the means of RESAMPLES resamples of (n,) values; for one seed and n, always the same items are drawn."""
    chance = np.random.default_rng(seed)
    block = max(1, 4_000_000 // len(values))  # 32 MB of places at once
    means = [
        values[chance.integers(0, len(values), size=(min(block, RESAMPLES - start), len(values)))].mean(axis=1)
        for start in range(0, RESAMPLES, block)
    ]
    return np.concatenate(means)
