"""What a score means in one library: the background of neutral texts, and the probability that a hit is a match.

A cosine says little by itself: texts differ in how near they lie to pictures in general, pictures in how near they lie
to texts, and models in both. The evidence for a hit is therefore the mean of two standard scores: how the picture
stands among the library's pictures for this query, and how this query stands among neutral texts for the picture.

Evidence becomes a probability without any labelled picture: of a few hundred everyday texts, the one that lies nearest
to a picture is taken to be right and the others to be wrong, and a logistic curve is fitted to that over a sample of
the library. It is monotone, has two numbers, and is held near a default where a library is too small to say much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import normalized
from ..library.types import Vectors

Values: TypeAlias = NDArray[np.float64]

SAMPLE_IMAGES: Final = 2_000
"""Images that stand for the library: the mean of their scores is then off by 1/45 of a deviation."""

PRIOR_IMAGES: Final = 30
"""How many images the neutral texts' own background counts as, beside those of a small library."""

LEAST_DEVIATION: Final = 0.01
"""Scores that differ less are the same: float16 rounding alone moves them by 0.001."""

DEFAULT_MIDPOINT: Final = 3.75
DEFAULT_SLOPE: Final = 2.5
"""The curve of an unknown library: 1/2 at 3.75 deviations, from 1/10 to 9/10 within 1.8 of them."""

PRIOR_PAIRS: Final = 40.0
"""Pairs of picture and text that the default curve counts as."""

AUTO_PROBABILITY: Final = 0.5
"""Where `threshold="auto"` ends a list: below, a hit is more likely no match."""


@dataclass(frozen=True, slots=True)
class Curve:
    """P(match | evidence) = 1 / (1 + exp(-slope * (evidence - midpoint)))."""

    midpoint: float = DEFAULT_MIDPOINT
    slope: float = DEFAULT_SLOPE

    def probability(self, evidence: Values) -> Values:
        """Return the probability of each value."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.slope * (evidence - self.midpoint), -60.0, 60.0))))

    def evidence(self, probability: float) -> float:
        """Return the evidence that has this probability, between 0 and 1."""
        return self.midpoint + float(np.log(probability / (1.0 - probability))) / self.slope


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """One library in the space of one model: a sample of its images and the neutral texts, both L2-normalised.

    `sample` is (s, dim), s at least 1, and `neutral` (t, dim).
    """

    sample: Vectors
    neutral: Vectors
    curve: Curve

    @classmethod
    def learned(cls, sample: Vectors, neutral: Vectors) -> Calibration:
        """Learn a library's curve from a sample of its images."""
        scores = (sample @ neutral.T).astype(np.float64)
        own, prior = len(sample) / (len(sample) + PRIOR_IMAGES), PRIOR_IMAGES / (len(sample) + PRIOR_IMAGES)
        means = own * scores.mean(axis=0) + prior * scores.mean()
        deviations = np.maximum(own * scores.std(axis=0) + prior * scores.std(), LEAST_DEVIATION)
        among_images = (scores - means) / deviations
        of_texts = np.maximum(scores.std(axis=1, keepdims=True), LEAST_DEVIATION)
        evidence = (among_images + (scores - scores.mean(axis=1, keepdims=True)) / of_texts) / 2.0
        nearest = np.zeros(evidence.shape, dtype=np.bool_)
        nearest[np.arange(len(sample)), evidence.argmax(axis=1)] = True
        return cls(sample, neutral, fitted_curve(evidence.ravel(), nearest.ravel()))

    def background(self, query: Vectors, picture_share: float = 0.0) -> QueryBackground:
        """Return how (dim,) `query` scores where nothing is meant.

        `picture_share` is the part of example pictures among what is looked for, 0 to 1: pictures lie nearer to each
        other than to texts, so that such a query is compared with neutral ones composed alike.
        """
        neutral = self.neutral
        if picture_share:
            pictures = self.sample[np.arange(len(neutral)) % len(self.sample)]
            neutral = normalized((1.0 - picture_share) * neutral + picture_share * pictures)
        usual = (self.sample @ neutral.T).astype(np.float64)
        scores = (self.sample @ query).astype(np.float64)
        count = len(scores)
        own, prior = count / (count + PRIOR_IMAGES), PRIOR_IMAGES / (count + PRIOR_IMAGES)
        mean = own * float(scores.mean()) + prior * float(usual.mean())
        deviation = own * float(scores.std()) + prior * float(usual.std())
        return QueryBackground(query, neutral, mean, max(deviation, LEAST_DEVIATION))


@dataclass(frozen=True, slots=True, eq=False)
class QueryBackground:
    """How one query scores against the library (`mean`, `deviation`), and neutral queries beside it."""

    query: Vectors
    neutral: Vectors
    mean: float
    deviation: float

    def evidence(self, pictures: Vectors) -> Values:
        """Return the evidence, in standard deviations, that each of (n, dim) pictures matches the query."""
        scores = (pictures @ self.query).astype(np.float64)
        usual = (pictures @ self.neutral.T).astype(np.float64)
        among_images = (scores - self.mean) / self.deviation
        among_texts = (scores - usual.mean(axis=1)) / np.maximum(usual.std(axis=1), LEAST_DEVIATION)
        return np.asarray((among_images + among_texts) / 2.0)


def fitted_curve(evidence: Values, is_match: NDArray[np.bool_]) -> Curve:
    """Fit a curve to pairs by logistic regression (Newton's method), the default counting as PRIOR_PAIRS of them."""
    prior = np.linspace(DEFAULT_MIDPOINT - 2.0, DEFAULT_MIDPOINT + 2.0, 9)
    at = np.concatenate([evidence, prior])
    wanted = np.concatenate([is_match.astype(np.float64), Curve().probability(prior)])
    weights = np.concatenate([np.ones(len(evidence)), np.full(len(prior), PRIOR_PAIRS / len(prior))])
    features = np.stack([np.ones(len(at)), at], axis=1)
    factors = np.array([-DEFAULT_SLOPE * DEFAULT_MIDPOINT, DEFAULT_SLOPE])
    for _ in range(_MOST_STEPS):
        probable = 1.0 / (1.0 + np.exp(-np.clip(features @ factors, -60.0, 60.0)))
        slopes = features.T @ (weights * (wanted - probable))
        bends = (features * (weights * probable * (1.0 - probable) + _RIDGE)[:, np.newaxis]).T @ features
        step = np.linalg.solve(bends, slopes)
        factors += np.clip(step, -1.0, 1.0)  # a full step may overshoot where the curve is nearly flat
        if np.abs(step).max() < _ACCURACY:
            break
    slope = max(float(factors[1]), _LEAST_SLOPE)
    return Curve(-float(factors[0]) / slope, slope)


def match_probability(found: Values, avoided: Sequence[Values]) -> Values:
    """Return P(match of what is looked for and of nothing that is avoided), taking them as independent."""
    probable = found.copy()
    for one in avoided:
        probable *= 1.0 - one
    return probable


_MOST_STEPS: Final = 100
_ACCURACY: Final = 1e-6
_RIDGE: Final = 1e-9
_LEAST_SLOPE: Final = 0.25
