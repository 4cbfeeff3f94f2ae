"""The order of answers: what negatives cost, and images first whose texts say the words.

A vector less another is no negation: `dog - cat` then prefers what is least like a cat to what is most like a dog. Here
a picture's score is its cosine to what is looked for, and only where the evidence that it shows what is avoided is
strong does it lose, in proportion. benchmarks/negation.py compares this with subtracting, projecting and comparing the
two cosines.

A model knows what a dog looks like, and not who Anna is. Comparing the vectors of texts finds little more than the
words themselves do, and more that is wrong: of images that were given one keyword each, words alone bring what they
name to the front (docs/queries.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..library.catalog.conditions import All, TextContains
from ..library.types import Hit, ImageIds, Match, Vectors
from .calibration import Calibration, QueryBackground, Values
from .query.query import Query, Words
from .words import words_of

AVOIDED_FROM: Final = 0.25
"""The probability of a match with what is avoided from which a picture loses score; see benchmarks/negation.py."""

MOST_CANDIDATES: Final = 5_000
"""How many of the nearest pictures are ranked anew at most, when what is avoided is nearly all there is."""

_FIRST_CANDIDATES: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Avoided:
    """One thing to keep away from; `weight`, above zero, multiplies what it costs."""

    background: QueryBackground
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """What pictures lose for showing what is avoided. `unit` is the score that one deviation of evidence costs."""

    calibration: Calibration
    avoided: tuple[Avoided, ...]
    unit: float

    def of(self, pictures: Vectors) -> Values:
        """Return what each of (n, dim) pictures loses, 0 or more; of several things avoided, the costliest counts."""
        start = self.calibration.curve.evidence(AVOIDED_FROM)
        costs = [one.weight * np.maximum(one.background.evidence(pictures) - start, 0.0) for one in self.avoided]
        return np.asarray(self.unit * np.max(costs, axis=0))


def ranked_without(
    nearest: Callable[[int], list[Match]],
    vectors_of: Callable[[ImageIds | Sequence[int]], Vectors],
    penalty: Penalty,
    k: int,
) -> list[Match]:
    """Return the `k` best by score less penalty, ties by ascending id.

    A penalty only takes away: once the k-th best score reaches that of the last candidate, no picture farther away can
    rise above it, so that the answer is exact, up to MOST_CANDIDATES (or `k`, if that is more).

    Args:
        nearest: returns up to so many nearest images, best first.
        vectors_of: returns (n, dim) vectors of these images.
        penalty: what is avoided.
        k: how many are wanted.
    """
    asked = max(_FIRST_CANDIDATES, 4 * k)
    while True:
        candidates = nearest(asked)
        if not candidates:
            return []
        lost = penalty.of(vectors_of([match.image_id for match in candidates]))
        scored = [
            Match(match.image_id, match.score - float(loss)) for match, loss in zip(candidates, lost, strict=True)
        ]
        best = sorted(scored, key=lambda match: (-match.score, match.image_id))[:k]
        settled = len(best) == k and best[-1].score >= candidates[-1].score
        if settled or len(candidates) < asked or asked >= max(MOST_CANDIDATES, k):
            return best
        asked = min(4 * asked, max(MOST_CANDIDATES, k))


SMALL_WORDS: Final = frozenset({"a", "an", "the", "of", "on", "in", "at", "and", "with", "is", "its", "to", "by"})
"""Not looked for beside others: a keyword has none of them."""


def text_matches_first(query: Query, search: Callable[[Query], list[Hit]]) -> list[Hit]:
    """Return up to `k` hits: those whose texts say each of the query's words first, then the others, each by score.

    Both are exact, under any filter. "auto" does not cut what the words are found in: they are the evidence.

    Args:
        query: the question.
        search: answers a question without regard to texts.
    """
    alone = replace(query, texts=False)
    said = tuple(
        TextContains(words)
        for term in query.positive
        if isinstance(term.subject, Words)
        if (words := _words(term.subject.text))
    )
    if not said:
        return search(alone)
    where = said if query.where is None else (query.where, *said)
    spared = replace(alone, threshold=None, calibrated=True) if query.threshold == "auto" else alone
    first = search(replace(spared, where=All(where)))
    if len(first) >= query.k:
        return first
    shown = {hit.image.id for hit in first}
    # Of the k best, no more are taken away than stand before them.
    others = [hit for hit in search(alone) if hit.image.id not in shown]
    return [*first, *others][: query.k]


def _words(text: str) -> tuple[str, ...]:
    found = words_of(text)
    return tuple(word for word in found if word.casefold() not in SMALL_WORDS) or found
