"""The engine: turns a query into vectors, and the vectors' neighbours into hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from ..library.catalog.catalog import Catalog
from ..library.embedders.base import normalized
from ..library.types import Hit, ImageRecord, Match, Vectors
from ..library.vectors.live_vectors import LiveVectors
from .calibration import AUTO_PROBABILITY, Calibration, Values, match_probability
from .filtering import FilteredVectors
from .query.query import Query, Sort, Term, Words
from .query_embedder import QueryEmbedder
from .ranking import Avoided, Penalty, ranked_without, text_matches_first

PAGE_HITS: Final = 2_000
"""Hits whose records are read from SQL at once."""

_TRIES: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class CandidateSet:
    """Hits, best first and each with its probability, and (n,) log-odds that fall from hit to hit, or stay.

    A probability also weighs how usual the picture is as an answer, so that its order is not quite that of the scores;
    `log_odds` go with the order alone.
    """

    hits: tuple[Hit, ...]
    log_odds: Values


class Engine:
    """Answers queries over one library in the space of one model. Thread-safe.

    Args:
        catalog: the library's rows.
        vectors: its vectors in the model's space.
        subjects: turns what a query speaks of into vectors.
        calibrate: returns the library's calibration; called when a query needs it.
    """

    def __init__(
        self,
        catalog: Catalog,
        vectors: LiveVectors,
        subjects: QueryEmbedder,
        calibrate: Callable[[], Calibration],
    ) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._calibrate = calibrate
        self._filtered = FilteredVectors(catalog, vectors)
        self._query_embedder = subjects

    def search(self, query: Query) -> list[Hit]:
        """Return the images that answer `query`, in its order; ties of score break by ascending id.

        Scores are cosines to what is looked for, less what showing something avoided costs. Probabilities are given
        where the query is calibrated or the threshold is "auto", and `None` elsewhere.

        Raises:
            QueryError: it speaks of an image that the library does not have.
            AddressRefused: a URL may not be fetched.
            ImageUnreadable: an example picture cannot be read.
            ModelUnavailable: the model's weights or packages cannot be had.
        """
        if query.texts:
            return in_order(text_matches_first(query, self.search), query.sort)
        return in_order([hit for page in self._pages(query) for hit in page], query.sort)

    def stream(self, query: Query) -> Iterator[Hit]:
        """Yield what `search` returns; in the order of scores, with the records of a page in memory at a time.

        Raises: as `search` does, before the first hit.
        """
        if query.texts or query.sort is not Sort.SCORE:
            return iter(self.search(query))
        return (hit for page in self._pages(query) for hit in page)

    def _pages(self, query: Query) -> Iterator[list[Hit]]:
        """Find all that answers `query` and return its hits, best first, page by page."""
        all_vectors = self._query_embedder.vectors_of([term.subject for term in query.terms])
        question = _Question(query.terms, all_vectors)
        if question.avoided or _is_calibrated(query):
            matches, probabilities = self._until_settled(query, question)
        else:
            matches, probabilities = self._filtered.nearest(question.wanted, query.k, query.where), None
        return self._read(query, matches, probabilities)

    def _read(self, query: Query, matches: Sequence[Match], probabilities: Values | None) -> Iterator[list[Hit]]:
        for start in range(0, len(matches), PAGE_HITS):
            page = slice(start, start + PAGE_HITS)
            records = self._catalog.images([match.image_id for match in matches[page]])
            yield _hits(query, matches[page], None if probabilities is None else probabilities[page], records)

    def candidates(self, query: Query) -> CandidateSet:
        """Return what `search` does, by score, with every hit's probability: what a rerank starts from.

        Raises: as `search` does.
        """
        hits = self.search(replace(query, calibrated=True, sort=Sort.SCORE))
        if not hits:
            return CandidateSet((), np.empty(0))
        question = _Question(query.terms, self._query_embedder.vectors_of([term.subject for term in query.terms]))
        calibration = self._calibrate()
        background = calibration.background(question.wanted, question.picture_share)
        standing = (np.array([hit.score for hit in hits], dtype=np.float64) - background.mean) / background.deviation
        log_odds = calibration.curve.slope * (standing - calibration.curve.midpoint)
        # What comes first since its texts say the words is at least as likely as all that comes after.
        return CandidateSet(tuple(hits), np.maximum.accumulate(log_odds[::-1])[::-1])

    def search_many(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """Answer several queries, each as `search` would, in the order asked.

        Those without filter, negative terms and "auto" threshold share one pass of the model, one search and one look
        at SQL.

        Raises: as `search` does.
        """
        if not queries or not all(_is_plain(query) for query in queries):
            return [self.search(query) for query in queries]
        all_vectors = self._query_embedder.vectors_of([term.subject for query in queries for term in query.terms])
        starts = np.cumsum([len(query.terms) for query in queries])[:-1]
        questions = [
            _Question(query.terms, vectors)
            for query, vectors in zip(queries, np.split(all_vectors, starts), strict=True)
        ]
        wanted = np.stack([question.wanted for question in questions])
        found = self._vectors.search(wanted, max(query.k for query in queries))
        records = self._catalog.images(sorted({match.image_id for matches in found for match in matches}))
        return [
            in_order(_hits(query, matches[: query.k], None, records), query.sort)
            for query, matches in zip(queries, found, strict=True)
        ]

    def _until_settled(self, query: Query, question: _Question) -> tuple[list[Match], Values | None]:
        """Ask again when an image vanished between being found and being looked at: its vector is gone."""
        for _ in range(_TRIES):
            with suppress(KeyError):
                return self._calibrated(query, question)
        return self._calibrated(query, question)

    def _calibrated(self, query: Query, question: _Question) -> tuple[list[Match], Values | None]:
        def nearest(count: int) -> list[Match]:
            return self._filtered.nearest(question.wanted, count, query.where)

        matches = nearest(query.k)
        if not matches:
            return [], None
        calibration = self._calibrate()
        background = calibration.background(question.wanted, question.picture_share)
        avoided = tuple(
            Avoided(calibration.background(vector, float(not isinstance(term.subject, Words))), -term.weight)
            for term, vector in question.avoided
        )
        if avoided:
            penalty = Penalty(calibration, avoided, background.deviation)
            matches = ranked_without(nearest, self._vectors.vector_of, penalty, query.k)
        if not _is_calibrated(query) or not matches:
            return matches, None
        pictures = self._vectors.vector_of([match.image_id for match in matches])
        curve = calibration.curve
        found = curve.probability(background.evidence(pictures))
        shown = [curve.probability(one.background.evidence(pictures)) for one in avoided]
        return matches, match_probability(found, shown)


class _Question:
    """A query's vectors. `wanted` is (dim,); `picture_share` is the part of the weight that example pictures carry."""

    def __init__(self, terms: Sequence[Term], vectors: Vectors) -> None:
        weights = np.array([max(term.weight, 0.0) for term in terms], dtype=np.float64)
        weights /= weights.max()  # so that no weight, however large, overflows
        self.wanted: Vectors = normalized((weights[np.newaxis] @ vectors).astype(np.float32))[0]
        is_image = np.array([not isinstance(term.subject, Words) for term in terms])
        self.picture_share = float(weights[is_image].sum() / weights.sum())
        self.avoided = [(term, vector) for term, vector in zip(terms, vectors, strict=True) if term.weight < 0]


def _is_plain(query: Query) -> bool:
    return query.where is None and not query.texts and not query.negative and not _is_calibrated(query)


def _is_calibrated(query: Query) -> bool:
    return query.calibrated or query.threshold == "auto"


def _hits(
    query: Query, matches: Sequence[Match], probabilities: Values | None, records: Mapping[int, ImageRecord]
) -> list[Hit]:
    """Turn matches into hits, less those below the threshold and those that have just vanished."""
    hits = [
        Hit(records[match.image_id], match.score, None if probabilities is None else float(probabilities[place]))
        for place, match in enumerate(matches)
        if match.image_id in records
    ]
    if query.threshold is None:
        return hits
    if query.threshold == "auto":
        return [hit for hit in hits if hit.probability is not None and hit.probability >= AUTO_PROBABILITY]
    return [hit for hit in hits if hit.score >= query.threshold]


def in_order(hits: list[Hit], sort: Sort) -> list[Hit]:
    """Return hits in the order that `sort` names; by score, they are so already."""
    if sort is Sort.SCORE:
        return hits
    dated = [hit for hit in hits if hit.image.taken_at is not None]
    undated = [hit for hit in hits if hit.image.taken_at is None]
    return sorted(dated, key=_taken_at, reverse=sort is Sort.NEWEST) + undated


def _taken_at(hit: Hit) -> datetime:
    return hit.image.taken_at or datetime.min
