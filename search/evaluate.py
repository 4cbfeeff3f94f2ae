"""Measures retrieval on one's own pictures: labelled queries against a library, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import EvaluationError
from ..library.types import ImageIds, Vectors
from .labelled_queries import LabelledQuery
from .metrics import (
    MEASURES,
    RECALL_LEVELS,
    Ranks,
    Values,
    interval,
    precision_curve,
    recall_curve,
    resampled_means,
)

Direction: TypeAlias = Literal["text to image", "image to text"]
Chunks: TypeAlias = Iterator[tuple[ImageIds, Vectors]]

_TEXTS_AT_ONCE: Final = 64
IMAGE_KIND: Final = "image"
"""The kind of all questions that a picture asks of the texts."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries, with the bounds of its 95% bootstrap interval."""

    direction: Direction
    kind: str
    measure: str
    mean: float
    low: float
    high: float
    queries: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second of two models is, on average over the same queries, with its paired 95% interval.

    `worse_share` is the part of the resamples in which it was not better.
    """

    direction: Direction
    kind: str
    measure: str
    mean: float
    low: float
    high: float
    worse_share: float


@dataclass(frozen=True, slots=True, eq=False)
class RankedQueries:
    """All that was asked in one direction by one kind of question: the names of the questions and each one's ranks."""

    direction: Direction
    kind: str
    names: tuple[str, ...]
    ranks: tuple[Ranks, ...] = field(repr=False)

    def values(self, measure: str) -> Values:
        """Return the (n,) values of a measure, question by question."""
        return np.array([MEASURES[measure](ranks) for ranks in self.ranks], dtype=np.float64)

    def precision_by_recall(self) -> dict[float, float]:
        """Return the mean precision at each of RECALL_LEVELS; see `precision_curve`."""
        means = np.mean([precision_curve(ranks) for ranks in self.ranks], axis=0)
        return dict(zip(RECALL_LEVELS, means.tolist(), strict=True))

    def recall_by_k(self, most: int) -> dict[int, float]:
        """Return the mean share of the relevant images among the first 1, 2, ... `most`."""
        means = np.mean([recall_curve(ranks, most) for ranks in self.ranks], axis=0)
        return dict(enumerate(means.tolist(), start=1))


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What an evaluation found.

    `images` counts those ranked. `unanswerable` queries have no relevant image in the library, and are left out;
    `unknown_files` counts the files that are named as relevant and are not in it.
    """

    model: str
    images: int
    unanswerable: int
    unknown_files: int
    asked: tuple[RankedQueries, ...]

    def figures(self) -> list[Figure]:
        """Return every measure of every kind."""
        return [
            Figure(one.direction, one.kind, measure, float(values.mean()), *interval(values), len(values))
            for one in self.asked
            for measure in MEASURES
            for values in [one.values(measure)]
        ]

    def compared_with(self, other: Evaluation) -> list[Difference]:
        """Say how much better `other`, another model on the same library and queries, is; question by question."""
        differences = []
        for mine, theirs in zip(self.asked, other.asked, strict=True):
            if (mine.direction, mine.kind, mine.names) != (theirs.direction, theirs.kind, theirs.names):
                raise ValueError("two evaluations are compared that asked different questions")
            for measure in MEASURES:
                gains = theirs.values(measure) - mine.values(measure)
                means = resampled_means(gains)
                low, high = (float(bound) for bound in np.quantile(means, [0.025, 0.975]))
                worse = float((means <= 0.0).mean())
                differences.append(
                    Difference(mine.direction, mine.kind, measure, float(gains.mean()), low, high, worse)
                )
        return differences


def evaluate(
    catalog: Catalog, model: ModelRow, embedder: Embedder, source: Path, queries: Sequence[LabelledQuery]
) -> Evaluation:
    """Rank a library's images by each query, and the queries' texts by each image that answers one.

    Args:
        catalog: the library.
        model: the row of `embedder` in it.
        embedder: embeds the texts.
        source: where the queries come from, for the error.
        queries: what to ask.

    Raises:
        EvaluationError: none of the files that the queries name is in the library.
    """
    chunks = list(catalog.vector_chunks(model.id, model.dim))
    ids = np.concatenate([part for part, _ in chunks]) if chunks else np.empty(0, dtype=np.int64)
    relevant, unknown = relevant_ids(catalog, queries, ids)
    kept = [place for place, found in enumerate(relevant) if len(found)]
    if not kept:
        raise EvaluationError(source, "none of the files it names is in this library: index their folder first")
    answerable = [queries[place] for place in kept]
    wanted = [relevant[place] for place in kept]
    texts = np.concatenate(
        [
            embed_queries(embedder, [query.text for query in answerable[start : start + _TEXTS_AT_ONCE]])
            for start in range(0, len(answerable), _TEXTS_AT_ONCE)
        ]
    )
    images = np.concatenate([vectors for _, vectors in chunks])
    asked = [*_texts_asking(answerable, texts, images, ids, wanted), _images_asking(texts, images, ids, wanted)]
    return Evaluation(model.name, len(ids), len(queries) - len(kept), unknown, tuple(asked))


def ranks_of(scores: Vectors, relevant: NDArray[np.int64]) -> Ranks:
    """Return the ranks of the `relevant` places of (n,) scores, best first; equal scores come in their order."""
    order = np.argsort(-scores, kind="stable")
    places = np.empty(len(scores), dtype=np.int64)
    places[order] = np.arange(1, len(scores) + 1)
    return np.sort(places[relevant])


def _texts_asking(
    queries: Sequence[LabelledQuery], texts: Vectors, images: Vectors, ids: ImageIds, wanted: Sequence[ImageIds]
) -> Iterator[RankedQueries]:
    ranks: dict[str, list[tuple[str, Ranks]]] = {}
    for query, text, relevant in zip(queries, texts, wanted, strict=True):
        found = ranks_of(images @ text, np.searchsorted(ids, relevant))
        ranks.setdefault(query.kind, []).append((query.text, found))
    for kind, answers in ranks.items():
        names, found_ranks = zip(*answers, strict=True)
        yield RankedQueries("text to image", kind, names, found_ranks)


def _images_asking(texts: Vectors, images: Vectors, ids: ImageIds, wanted: Sequence[ImageIds]) -> RankedQueries:
    described_by: dict[int, list[int]] = {}
    for place, relevant in enumerate(wanted):
        for image_id in relevant.tolist():
            described_by.setdefault(image_id, []).append(place)
    asking = sorted(described_by)
    rows = np.searchsorted(ids, np.array(asking, dtype=np.int64))
    ranks = tuple(
        ranks_of(texts @ images[row], np.array(described_by[image_id], dtype=np.int64))
        for image_id, row in zip(asking, rows, strict=True)
    )
    return RankedQueries("image to text", IMAGE_KIND, tuple(str(image_id) for image_id in asking), ranks)


def relevant_ids(catalog: Catalog, queries: Sequence[LabelledQuery], embedded: ImageIds) -> tuple[list[ImageIds], int]:
    """Return each query's relevant images, ascending, and how many of the files named are not in the library."""
    names = {name for query in queries for name in query.relevant}
    found = _files_by_name(catalog, names, set(embedded.tolist()))
    ids = [
        np.array(sorted({one for name in query.relevant for one in found.get(name, ())}), dtype=np.int64)
        for query in queries
    ]
    return ids, sum(name not in found for name in names)


def _files_by_name(catalog: Catalog, names: set[str], embedded: set[int]) -> Mapping[str, list[int]]:
    """Find files by the end of their paths: `b.jpg` and `a/b.jpg` both name `/photos/a/b.jpg`."""
    ends: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for name in names:
        parts = tuple(part for part in PurePath(name).parts if part != ".")
        if parts:
            ends.setdefault(parts[-1], []).append((name, parts))
    found: dict[str, list[int]] = {}
    for image_id, path in catalog.paths():
        if image_id not in embedded:
            continue
        for name, parts in ends.get(path.rpartition("/")[2], ()):
            if PurePath(path).parts[-len(parts) :] == parts:
                found.setdefault(name, []).append(image_id)
    return found
