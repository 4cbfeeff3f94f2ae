"""Beam search: from a model that says what the next word may be to the likeliest whole captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from ..library.types import Vectors

Words: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
"""(n, beams) int64: each beam's latest word."""

State: TypeAlias = "list[Vectors]"
"""What the model keeps of what it has written: arrays whose first axis is n * beams."""

Step: TypeAlias = Callable[[Words, int, State], tuple[Vectors, State]]
"""From the latest words, how many came before and the state: (n, beams, words) log-probabilities, and the state."""

_IMPOSSIBLE: Final = -1e9


@dataclass(frozen=True, slots=True)
class BeamOptions:
    """How captions are searched for.

    `beams` are followed of each picture, up to `longest` words. `start` stands before the first word, `end` behind the
    last; `never` are not to be said. Sums of log-probabilities are divided by length to the power of `length_power`
    (Wu et al. 2016, section 7): 0 favours short captions. `may_repeat` lets a word follow itself, as characters do.
    """

    start: int
    end: int
    never: tuple[int, ...]
    beams: int = 3
    longest: int = 20
    length_power: float = 0.7
    may_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """One caption as word numbers, without marks, and its score: higher is better."""

    words: tuple[int, ...]
    score: float


def search(step: Step, state: State, pictures: int, options: BeamOptions) -> list[list[Written]]:
    """Return each picture's captions, best first, at least one.

    Args:
        step: the model.
        state: what it keeps before the first word.
        pictures: how many.
        options: how to search.
    """
    beams = options.beams
    latest: Words = np.full((pictures, beams), options.start, dtype=np.int64)
    scores = np.full((pictures, beams), _IMPOSSIBLE)
    scores[:, 0] = 0.0  # all beams are the same at first
    written = np.empty((pictures, beams, 0), dtype=np.int64)
    done: list[list[Written]] = [[] for _ in range(pictures)]
    rows = np.arange(pictures)[:, np.newaxis]
    for place in range(options.longest):
        found, state = step(latest, place, state)
        found = found.astype(np.float64)
        found[:, :, list(options.never)] = _IMPOSSIBLE
        if place and not options.may_repeat:
            np.put_along_axis(found, latest[:, :, np.newaxis], _IMPOSSIBLE, axis=2)
        sums = scores[:, :, np.newaxis] + found
        ended = sums[:, :, options.end] / (place + 1) ** options.length_power
        sums[:, :, options.end] = _IMPOSSIBLE
        best, parent, word = _best(sums, beams)
        for picture, beam in zip(*np.nonzero(ended > _IMPOSSIBLE / 2), strict=True):
            if sums.shape[2] > 1 and _is_kept(ended[picture, beam], done[picture], beams):
                done[picture].append(Written(tuple(written[picture, beam].tolist()), float(ended[picture, beam])))
        written = np.concatenate([written[rows, parent], word[:, :, np.newaxis]], axis=2)
        scores, latest = best, word
        if all(_is_finished(ends, float(best[number, 0]), options) for number, ends in enumerate(done)):
            break
        order = (rows * beams + parent).reshape(-1)
        state = [part[order] for part in state]
    for picture, ends in enumerate(done):
        if not ends:  # cut short, but something
            ends.append(Written(tuple(written[picture, 0].tolist()), float(scores[picture, 0])))
    return [sorted(ends, key=lambda one: -one.score)[:beams] for ends in done]


def _best(sums: Vectors, beams: int) -> tuple[Vectors, Words, Words]:
    """Return the best sums of each picture, (n, beams), whose continuation each is, and by which word."""
    flat = sums.reshape(len(sums), -1)
    some = np.argpartition(-flat, beams, axis=1)[:, :beams]
    picked = np.take_along_axis(flat, some, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    best = np.take_along_axis(some, order, axis=1)
    return np.take_along_axis(flat, best, axis=1), best // sums.shape[2], best % sums.shape[2]


def _is_kept(score: float, ends: Sequence[Written], beams: int) -> bool:
    if len(ends) < beams:
        return True
    return score > sorted((one.score for one in ends), reverse=True)[beams - 1]


def _is_finished(ends: Sequence[Written], best_sum: float, options: BeamOptions) -> bool:
    """Whether no caption still being written can become better than those that are."""
    if len(ends) < options.beams:
        return False
    worst = sorted((one.score for one in ends), reverse=True)[options.beams - 1]
    return bool(best_sum / options.longest**options.length_power <= worst)
