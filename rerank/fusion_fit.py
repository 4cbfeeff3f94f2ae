"""Learns from labelled queries how much a judge may count.

The queries are drawn anew, with repetition, some hundred times; each time the weight is noted that is best on what was
drawn. The mean of these weights is steadier than the one that is best on all (bagging, Breiman 1996), and what they
gain on the queries not drawn is an honest estimate of what the judge is worth. Where too many of the draws would rather
not hear the judge at all, the weight is zero. benchmarks/fusion.py measures this with judges of known quality.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.errors import EvaluationError
from ..library.types import ImageIds
from ..search.calibration import Values
from ..search.engine import Engine
from ..search.evaluate import ranks_of, relevant_ids
from ..search.labelled_queries import LabelledQuery
from ..search.metrics import Ranks, average_precision, interval
from ..search.query.query import Query, Term, Words
from ..search.texts import TextVectors
from .base import Judgement
from .fusion import fused, order
from .reranker import Effort, Questions, Reranker

WEIGHTS: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)
"""The weights tried; the small ones are for judges whose every yes is too sure of itself."""

DRAWS: Final = 400

SURE_SHARE: Final = 0.9
"""In so many of the draws some weight must be better than none."""

FEWEST_QUERIES: Final = 10
"""What fewer queries say is chance."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRanking:
    """One query's hits by the search: (d,) log-odds, what the judge said of each, and whether it is relevant.

    `ranks_beyond` are the ranks, from 1, of relevant images further down, where no judge looks.
    """

    first: Values
    judgements: tuple[Judgement | None, ...]
    is_relevant: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ranks_beyond: tuple[int, ...] = ()

    def average_precision(self, weight: float) -> float:
        """Return the average precision of the fused order."""
        return average_precision(self.ranks(weight))

    def ranks(self, weight: float) -> Ranks:
        """Return the ranks of what is relevant in the fused order."""
        best = order(fused(self.first, self.judgements, weight), [False] * len(self.first))
        found = np.flatnonzero(self.is_relevant[best]) + 1
        return np.concatenate([found, np.array(self.ranks_beyond, dtype=np.int64)])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries, with the bounds of its 95% bootstrap interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Values) -> Estimate:
        """Estimate the mean of (n,) values, n at least 1."""
        return cls(float(values.mean()), *interval(values))


@dataclass(frozen=True, slots=True)
class FusionFit:
    """What labelled queries say of a judge.

    `weight` is what it may count from now on. `first` is the mAP without it, `second` with it and `gain` the
    difference, each query by weights learned without it. `by_weight` holds the mAP of every fixed weight.
    """

    judge: str
    depth: int
    queries: int
    weight: float
    first: Estimate
    second: Estimate
    gain: Estimate
    by_weight: tuple[tuple[float, float], ...]


def tuned(rankings: Sequence[JudgedRanking], judge: str, depth: int) -> FusionFit:
    """Learn a judge's weight from at least one ranking."""
    precisions = np.array([[one.average_precision(weight) for weight in WEIGHTS] for one in rankings])
    count = len(rankings)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1.0 / count), size=DRAWS)
    best = (drawn @ precisions).argmax(axis=1)
    left_out = drawn == 0
    gains = np.where(left_out, precisions.T[best] - precisions[:, 0], 0.0).sum(axis=0) / left_out.sum(axis=0).clip(1)
    helps = count >= FEWEST_QUERIES and float((best > 0).mean()) >= SURE_SHARE
    return FusionFit(
        judge=judge,
        depth=depth,
        queries=count,
        weight=round(float(np.array(WEIGHTS)[best].mean()), 3) if helps else 0.0,
        first=Estimate.of(precisions[:, 0]),
        second=Estimate.of(precisions[:, 0] + gains),
        gain=Estimate.of(gains),
        by_weight=tuple(zip(WEIGHTS, precisions.mean(axis=0).tolist(), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Tuner:
    """Asks a library labelled queries and has a judge look at each one's first `depth` hits."""

    catalog: Catalog
    model: ModelRow
    engine: Engine
    texts: TextVectors
    reranker: Reranker
    depth: int

    def tune(
        self, source: Path, queries: Sequence[LabelledQuery], progress: Callable[[int, int], None] | None = None
    ) -> FusionFit:
        """Learn the judge's weight; `progress` is told how many of how many queries are judged.

        Raises:
            EvaluationError: none of the files that the queries name is in the library, or the judge failed.
        """
        chunks = list(self.catalog.vector_chunks(self.model.id, self.model.dim))
        ids = np.concatenate([part for part, _ in chunks]) if chunks else np.empty(0, dtype=np.int64)
        relevant, _ = relevant_ids(self.catalog, queries, ids)
        answerable = [(query, found) for query, found in zip(queries, relevant, strict=True) if len(found)]
        if not answerable:
            raise EvaluationError(source, "none of the files it names is in this library: index their folder first")
        images = np.concatenate([vectors for _, vectors in chunks])
        rankings = []
        for done, (query, wanted) in enumerate(answerable, start=1):
            text = self.texts.of([query.text])[0]
            ranks = ranks_of(images @ text, np.searchsorted(ids, wanted)).tolist()
            rankings.append(self._ranking(source, query, ranks, wanted))
            if progress is not None:
                progress(done, len(answerable))
        return tuned(rankings, self.reranker.judge.spec.name, self.depth)

    def _ranking(self, source: Path, judged: LabelledQuery, ranks: Sequence[int], wanted: ImageIds) -> JudgedRanking:
        query = Query((Term(Words(judged.text)),), k=self.depth)
        first = self.engine.candidates(query)
        *_, last = self.reranker.refine(first, Questions.of(query), Effort(self.depth))
        if last.trouble is not None:
            raise EvaluationError(source, f"the judge failed: {last.trouble}")
        said = {one.rank_before: one.judgement for one in last.hits}
        is_relevant = np.isin([hit.image.id for hit in first.hits], wanted)
        # Of the ranks, ascending, those of the hits come first.
        beyond = tuple(ranks[int(is_relevant.sum()) :])
        return JudgedRanking(first.log_odds, tuple(said[place] for place in range(len(said))), is_relevant, beyond)
