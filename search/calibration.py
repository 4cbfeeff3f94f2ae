"""What a score means in one library: a probability, from the background of neutral texts; learned once and kept.

A cosine says little by itself: texts differ in how near they lie to pictures in general, pictures in how near they lie
to texts, and models in both. The evidence for a hit is therefore the mean of three standard scores: how the picture
stands among the library's pictures for this query, how this query stands among neutral texts for the picture, and how
the pair stands among all pairs of the library's pictures and neutral texts. The best of many pictures stands out even
where none fits; the third score, which no query's own scores move, then holds it back.

Evidence becomes a probability without any labelled picture: of a few hundred everyday texts, the one that lies nearest
to a picture is taken to be right and the others to be wrong, and a logistic curve is fitted to that over a sample of
the library. It is monotone, has two numbers, and is held near a default where a library is too small to say much.

That curve holds for what is as rare as a fitting neutral text. Where a good part of a library matches, its own scores
are no background: the share that matches is estimated from the sample (by the fixed point of Saerens, Latinne and
Decaestecker, 2002), and where it is larger than usual, all evidence for the query counts for that much more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.checked_files import read_checked, write_checked
from ..library.embedders.base import normalized
from ..library.types import Vectors
from ..library.vectors.generations import model_folder_name
from ..library.vectors.live_vectors import LiveVectors

logger = logging.getLogger(__name__)

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
        return self.midpoint + _log_odds(probability) / self.slope


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
        among_texts = (scores - scores.mean(axis=1, keepdims=True)) / of_texts
        among_pairs = (scores - scores.mean()) / max(float(scores.std()), LEAST_DEVIATION)
        evidence = (among_images + among_texts + among_pairs) / 3.0
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
        deviation = max(own * float(scores.std()) + prior * float(usual.std()), LEAST_DEVIATION)
        spread = Spread(mean, deviation, float(usual.mean()), max(float(usual.std()), LEAST_DEVIATION))
        bonus = common_bonus(self.curve, _evidence(scores, usual, spread), 1.0 / len(neutral))
        return QueryBackground(query, neutral, spread, bonus)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the library's pictures score: for one query (`mean`, `deviation`), and for all neutral ones."""

    mean: float
    deviation: float
    usual_mean: float
    usual_deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class QueryBackground:
    """How one query scores against the library, and neutral queries beside it.

    `bonus`, 0 or more, is added to all evidence: what the query asks for is common in the library.
    """

    query: Vectors
    neutral: Vectors
    spread: Spread
    bonus: float

    @property
    def mean(self) -> float:
        """Of the query's scores over the library."""
        return self.spread.mean

    @property
    def deviation(self) -> float:
        """Of the query's scores over the library."""
        return self.spread.deviation

    def evidence(self, pictures: Vectors) -> Values:
        """Return the evidence, in standard deviations, that each of (n, dim) pictures matches the query."""
        scores = (pictures @ self.query).astype(np.float64)
        usual = (pictures @ self.neutral.T).astype(np.float64)
        return _evidence(scores, usual, self.spread) + self.bonus


def _evidence(scores: Values, usual: Values, spread: Spread) -> Values:
    """Return the evidence of pictures' (n,) scores, whose (n, t) neutral ones are `usual`."""
    among_images = (scores - spread.mean) / spread.deviation
    among_texts = (scores - usual.mean(axis=1)) / np.maximum(usual.std(axis=1), LEAST_DEVIATION)
    among_pairs = (scores - spread.usual_mean) / spread.usual_deviation
    return np.asarray((among_images + among_texts + among_pairs) / 3.0)


def common_bonus(curve: Curve, evidence: Values, usual_share: float) -> float:
    """Return what more the evidence counts, 0 or more, as a larger share than usual of the library's sample matches.

    Args:
        curve: what holds where `usual_share` of all pairs match.
        evidence: of the sample's pictures, for one query.
        usual_share: above 0; 1, of a single neutral text, says nothing and gives no bonus.
    """
    if usual_share >= 1.0:
        return 0.0
    own = len(evidence) / (len(evidence) + PRIOR_IMAGES)
    share, bonus = usual_share, 0.0
    for _ in range(_MOST_STEPS):
        matching = float(curve.probability(evidence + bonus).mean())
        last, share = share, max(own * matching + (1.0 - own) * usual_share, usual_share)
        bonus = (_log_odds(share) - _log_odds(usual_share)) / curve.slope
        if share - last < _ACCURACY:
            break
    return bonus


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))


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


STALE_SHARE: Final = 0.1
"""A library that has grown or shrunk by more than this is learned again."""


EVIDENCE_VERSION: Final = 2
"""Counts the ways in which evidence was reckoned: a curve holds for the way it was learned in."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What a calibration was made of."""

    library_id: str
    model_key: str
    vocabulary: str
    count: int
    evidence: int


class Calibrations:
    """The calibration of one library in one model's space. Thread-safe.

    Args:
        catalog: the library.
        vectors: its vectors in the model's space.
        model: the model's row in the catalogue.
        folders: where the file may be. It is kept in the first; one that cannot be written keeps it in memory alone.
        vocabulary: a name for the neutral texts, which changes with them.
        embed_neutral: returns the neutral texts' vectors, (t, dim) L2-normalised float32.
    """

    def __init__(
        self,
        catalog: Catalog,
        vectors: LiveVectors,
        model: ModelRow,
        folders: Sequence[Path],
        vocabulary: str,
        embed_neutral: Callable[[], Vectors],
    ) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._model = model
        self._files = [folder / f"{model_folder_name(model.key)}.npz" for folder in folders]
        self._vocabulary = vocabulary
        self._embed_neutral = embed_neutral
        self._lock = Lock()
        self._seen_seq = -1
        self._kept: tuple[_Made, Calibration] | None = None

    def current(self) -> Calibration:
        """Return the calibration, learning it when there is none or the library has changed much; needs one image."""
        with self._lock:
            meta = self._catalog.meta()
            if self._kept is not None and meta.change_seq == self._seen_seq:
                return self._kept[1]
            count = self._catalog.count_vectors(self._model.id)
            made = _Made(meta.library_id, self._model.key, self._vocabulary, count, EVIDENCE_VERSION)
            if self._kept is None:
                self._kept = self._read(made)
            if self._kept is None or not _still_holds(self._kept[0], made):
                calibration = self._learn(made)
                self._kept = (made, calibration)
                self._write(made, calibration)
            self._seen_seq = meta.change_seq
            return self._kept[1]

    def _learn(self, made: _Made) -> Calibration:
        sample = self._vectors.vector_of(self._catalog.sample_ids(self._model.id, SAMPLE_IMAGES))
        same_texts = self._kept is not None and self._kept[0].vocabulary == made.vocabulary
        neutral = self._kept[1].neutral if self._kept is not None and same_texts else self._embed_neutral()
        return Calibration.learned(sample, neutral)

    def _read(self, wanted: _Made) -> tuple[_Made, Calibration] | None:
        """Return what is kept: of several, one that holds."""
        found = [kept for kept in map(self._read_file, self._files) if kept is not None]
        return next((kept for kept in found if _still_holds(kept[0], wanted)), found[0] if found else None)

    def _read_file(self, file: Path) -> tuple[_Made, Calibration] | None:
        kept = read_checked(file)
        if kept is None:
            return None  # not learned yet, or damaged: learned again
        try:
            with np.load(BytesIO(kept), allow_pickle=False) as stored:
                made = _Made(**json.loads(str(stored["made"])))
                curve = Curve(**json.loads(str(stored["curve"])))
                sample, neutral = stored["sample"].astype(np.float32), stored["neutral"].astype(np.float32)
        except (ValueError, KeyError, TypeError):
            return None  # of another version
        fits = {sample.shape[1:], neutral.shape[1:]} == {(self._model.dim,)} and len(sample) > 0 and len(neutral) > 0
        return (made, Calibration(sample, neutral, curve)) if fits else None

    def _write(self, made: _Made, calibration: Calibration) -> None:
        """Write the file whole or not at all; without it, the next process learns again."""
        file = self._files[0]
        try:
            with write_checked(file) as stream:
                np.savez(
                    stream,
                    made=json.dumps(asdict(made)),
                    curve=json.dumps(asdict(calibration.curve)),
                    sample=calibration.sample.astype(np.float16),
                    neutral=calibration.neutral,
                )
        except OSError as error:
            logger.info("the library's calibration is not kept: %s", error)


def _still_holds(old: _Made, new: _Made) -> bool:
    same = replace(old, count=new.count) == new
    return same and abs(new.count - old.count) <= STALE_SHARE * old.count
