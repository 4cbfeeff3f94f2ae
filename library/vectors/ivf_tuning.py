"""Tuning: the fewest lists and candidates that find what exact search finds, measured on the vectors themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..types import Vectors
from .faiss_index import ADD_BLOCK_ROWS, FaissIndex
from .index_type import CAREFUL_TARGET, RECALL_TARGET, TUNED_K, IvfParams
from .row_ids import RowNumbers
from .vector_file import StoredVectors
from .widening import spread_rows

QUERIES: Final = 400
"""Vectors taken as queries: 8,000 matches to find, so that a recall of 0.97 is known to about 0.002."""

NOISE: Final = 1.0
"""Length of the noise added to every other query. Words, unlike pictures, are near to no picture: a query half of
whose length is noise lies as far out (a cosine of about 0.7 with its own picture), and is harder to find lists for."""

TIES_KEPT: Final = 10 * TUNED_K
"""Of images as near as the last one wanted, such as copies of one picture, any may be found: so many are known."""

TIE: Final = 1e-6
"""Scores this close count as equal: about what float32 sums of 512 products may be off."""

GENEROUS_CANDIDATES: Final = 40 * TUNED_K
"""Candidates while the number of lists is sought, so that only the lists are judged."""


CANDIDATE_FACTORS: Final = (1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 14, 20, 28, 40)
"""Numbers of candidates that are tried, by how many are wanted."""


def tune(index: FaissIndex, stored: StoredVectors) -> IvfParams:
    """Find parameters with which `index` reaches the recall targets on queries drawn from `stored`.

    A query that is a stored vector does not count itself as found.
    """
    queries, own_rows = _held_out(stored)
    truth = _exact(stored, queries, own_rows)
    nprobe = _fewest(index, queries, own_rows, truth, RECALL_TARGET)
    careful_nprobe = _fewest(index, queries, own_rows, truth, CAREFUL_TARGET)
    ask = min(GENEROUS_CANDIDATES, len(stored))
    # With fewer candidates something is lost again: one step more of lists makes room for it.
    nprobe = min(careful_nprobe, max(nprobe + 1, round(nprobe * 1.1)))
    _, rows = index.candidates(queries, ask, nprobe)
    sizes = sorted(
        {min(ask, round(TUNED_K * factor)) for factor in (1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 14, 20, 28, 40)}
    )
    recalls = [_recall(rows[:, : size + 1], own_rows, truth) for size in sizes]
    best = next((place for place, recall in enumerate(recalls) if recall >= RECALL_TARGET), len(sizes) - 1)
    return IvfParams(nprobe, careful_nprobe, sizes[best], round(recalls[best], 4))


def _held_out(stored: StoredVectors) -> tuple[Vectors, RowNumbers]:
    """Return queries, (n, dim) L2-normalised, and the rows they come from; every other one is disturbed."""
    rows = spread_rows(len(stored), QUERIES)
    queries = stored.fetch(rows)
    noise = np.random.default_rng(1).standard_normal(queries.shape, dtype=np.float32)
    queries[1::2] += NOISE * (noise / np.linalg.norm(noise, axis=1, keepdims=True))[1::2]
    return queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12), rows


def _exact(stored: StoredVectors, queries: Vectors, own_rows: RowNumbers) -> list[RowNumbers]:
    """Return for each query the rows of the truly nearest TUNED_K, and of all that tie with the last of them."""
    best_scores = np.full((len(queries), TIES_KEPT), -np.inf, dtype=np.float32)
    best_rows = np.full((len(queries), TIES_KEPT), -1, dtype=np.int64)
    for start in range(0, len(stored), ADD_BLOCK_ROWS):
        rows = np.arange(start, min(start + ADD_BLOCK_ROWS, len(stored)))
        scores = queries @ stored.fetch(rows).T
        inside = np.flatnonzero((own_rows >= start) & (own_rows <= rows[-1]))
        scores[inside, own_rows[inside] - start] = -np.inf
        for place, query_scores in enumerate(scores):
            better = np.flatnonzero(query_scores > best_scores[place].min())
            merged = np.concatenate([best_scores[place], query_scores[better]])
            kept = np.argpartition(-merged, TIES_KEPT - 1)[:TIES_KEPT]
            best_rows[place] = np.concatenate([best_rows[place], rows[better]])[kept]
            best_scores[place] = merged[kept]
    last_wanted = np.sort(best_scores, axis=1)[:, [-TUNED_K]]
    near = best_scores >= last_wanted - TIE
    return [rows[accepted & (rows >= 0)] for rows, accepted in zip(best_rows, near, strict=True)]


def _fewest(
    index: FaissIndex, queries: Vectors, own_rows: RowNumbers, truth: Sequence[RowNumbers], target: float
) -> int:
    """Return the least number of lists that reaches `target`, to about an eighth."""
    ask = min(GENEROUS_CANDIDATES, len(index))

    def recall_of(nprobe: int) -> float:
        return _recall(index.candidates(queries, ask, nprobe)[1], own_rows, truth)

    enough, missed = 1, 0
    while recall_of(enough) < target and enough < index.list_count:
        missed, enough = enough, min(2 * enough, index.list_count)
    while enough - missed > max(1, enough // 8):
        middle = (enough + missed) // 2
        if recall_of(middle) >= target:
            enough = middle
        else:
            missed = middle
    return enough


def _recall(rows: RowNumbers, own_rows: RowNumbers, truth: Sequence[RowNumbers]) -> float:
    """Return the share found among `rows`, (n, some), of the TUNED_K wanted, each query's own row left out."""
    found = sum(
        min(TUNED_K, np.isin(given[given != own], nearest).sum())
        for given, own, nearest in zip(rows, own_rows, truth, strict=True)
    )
    return float(found / max(1, sum(min(TUNED_K, len(nearest)) for nearest in truth)))
