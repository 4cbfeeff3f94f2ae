"""Makes one score of two, the search's and the judge's, mixed by a weight that is kept in the library's folder.

Mixing log-odds by a weight is the logarithmic opinion pool (Genest and Zidek 1986): with weight 0 the search's
order stands, with weight 1 the judge's, and between them a picture that both favour comes before one that either does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..library.errors import LibraryError
from ..library.files import atomic_write
from ..search.calibration import Values
from .base import Judgement

LEAST_PROBABILITY: Final = 1e-4
"""Nothing is surer than this or its opposite: a model that says 0 is wrong more than once in ten thousand times."""

FULL_MASS: Final = 0.5
"""From this mass on a judgement counts in full: the judge's likeliest answer is yes or no. Below, in proportion."""


def log_odds(probabilities: Values) -> Values:
    """Return log(p / (1 - p)), bounded by LEAST_PROBABILITY."""
    bounded = np.clip(probabilities, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    return np.asarray(np.log(bounded / (1.0 - bounded)))


def probability(odds: Values) -> Values:
    """Return 1 / (1 + exp(-odds))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -60.0, 60.0))))


def fused(first: Values, judgements: Sequence[Judgement | None], weight: float) -> Values:
    """Mix the search's and the judge's word on n pictures.

    A picture not judged is taken to be like the average of those that were: whether it stays above one that
    was then depends on the pictures, not on how freely the judge says yes.

    Args:
        first: (n,) log-odds by the search.
        judgements: by the judge; None where there is none. One of no mass counts as none.
        weight: the judge's share, 0 to 1.

    Returns:
        (n,) log-odds. Where nothing was judged, the search's.

    Raises:
        ValueError: the weight is not between 0 and 1.
    """
    if not 0.0 <= weight <= 1.0:
        message = f"a weight lies between 0 and 1, not at {weight}"
        raise ValueError(message)
    said = np.array(
        [one.probability if one is not None and one.says_something else np.nan for one in judgements], dtype=np.float64
    )
    is_judged = ~np.isnan(said)
    if weight == 0.0 or not is_judged.any():
        return first.copy()
    masses = np.array([1.0 if one is None or one.mass is None else one.mass for one in judgements], dtype=np.float64)
    share = np.where(is_judged, np.clip(masses / FULL_MASS, 0.0, 1.0), 0.0)
    odds = log_odds(np.where(is_judged, said, 0.5))
    usual = float((share * odds).sum() / share.sum())
    second = share * odds + (1.0 - share) * usual
    return np.asarray((1.0 - weight) * first + weight * second)


def order(scores: Values, vetoed: Sequence[bool]) -> list[int]:
    """Return the places of n pictures, best first: those vetoed at the end, equal scores in the order they had."""
    return sorted(range(len(scores)), key=lambda place: (vetoed[place], -scores[place], place))


def combined(judgements: Sequence[Judgement], weights: Sequence[float]) -> Judgement:
    """Make one judgement of those on several things looked for in one picture, each with its weight above 0.

    Those of no mass are left out, unless all are. Log-odds are averaged by weight, as the search averages the
    things' vectors. The box is that of the heaviest thing, the mass the least of all.
    """
    heard = [pair for pair in zip(judgements, weights, strict=True) if pair[0].says_something]
    if heard:
        judgements, weights = [one for one, _ in heard], [weight for _, weight in heard]
    if len(judgements) == 1:
        return judgements[0]
    odds = log_odds(np.array([one.probability for one in judgements], dtype=np.float64))
    heaviest = max(range(len(weights)), key=lambda place: (weights[place], -place))
    masses = [one.mass for one in judgements if one.mass is not None]
    shares = np.array(weights, dtype=np.float64) / sum(weights)
    mean = probability(np.array([float(shares @ odds)]))
    return Judgement(float(mean[0]), min(masses, default=None), judgements[heaviest].box)


_FILE_NAME: Final = "judge-weights.json"
_FORMER_FILE_NAME: Final = "second-look.json"
"""What 0.1 called it: read where the other is not there yet."""


@dataclass(frozen=True, slots=True)
class LearnedWeight:
    """A judge's share of the fused score, and what it was learned from: its `gain` in mAP, with the 95% bounds of that.

    `queries` counts the labelled queries.
    """

    weight: float
    queries: int
    gain: float
    low: float
    high: float


class Weights:
    """The weights of one library's judges in the space of one model.

    Args:
        folder: where the file is kept.
        model_key: the model whose order the judges improve.
    """

    def __init__(self, folder: Path, model_key: str) -> None:
        self._file = folder / _FILE_NAME
        self._former = folder / _FORMER_FILE_NAME
        self._model_key = model_key

    def of(self, judge_key: str) -> LearnedWeight | None:
        """Return what was learned of a judge, None where nothing was, or the file makes no sense."""
        match self._read().get(self._model_key, {}).get(judge_key):
            case {
                "weight": float(weight),
                "queries": int(queries),
                "gain": float(gain),
                "low": float(low),
                "high": float(high),
            } if 0.0 <= weight <= 1.0:
                return LearnedWeight(weight, queries, gain, low, high)
        return None

    def keep(self, judge_key: str, learned: LearnedWeight) -> None:
        """Keep what was learned of a judge: whole, or not at all.

        Raises:
            LibraryError: the file cannot be written.
        """
        everything = self._read()
        everything.setdefault(self._model_key, {})[judge_key] = asdict(learned)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._file) as stream:
                stream.write(json.dumps(everything, indent=1).encode())
        except OSError as error:
            message = f"{self._file} cannot be written: {error.strerror or error}; the judge's weight is not kept"
            raise LibraryError(message) from error

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            file = self._file if self._file.exists() else self._former
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        is_sane = isinstance(found, dict) and all(isinstance(judges, dict) for judges in found.values())
        return found if is_sane else {}
