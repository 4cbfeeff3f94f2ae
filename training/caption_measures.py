"""How good captions are beside several others: BLEU-4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ..library.types import Vectors
from ..rerank.caption_words import words_of

Gram: TypeAlias = tuple[str, ...]
Grams: TypeAlias = "Counter[Gram]"

_LONGEST = 4
_SIGMA = 6.0
"""CIDEr-D's tolerance of another length, in words."""


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]], longest: int = _LONGEST) -> float:
    """Return corpus BLEU: the geometric mean of clipped precisions, times the brevity penalty."""
    right, all_of_it = [0] * longest, [0] * longest
    length = wanted_length = 0
    for caption, wanted in zip(captions, references, strict=True):
        words, wanted_words = words_of(caption), [words_of(one) for one in wanted]
        counts = [_grams(one, longest) for one in wanted_words]
        length += len(words)
        wanted_length += min((abs(len(one) - len(words)), len(one)) for one in wanted_words)[1]
        for order, grams in enumerate(_grams(words, longest)):
            all_of_it[order] += sum(grams.values())
            right[order] += sum(min(times, max(one[order][gram] for one in counts)) for gram, times in grams.items())
    if 0 in right:
        return 0.0
    precision = sum(math.log(good / every) for good, every in zip(right, all_of_it, strict=True)) / longest
    return math.exp(precision + min(0.0, 1.0 - wanted_length / length))


def cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> Vectors:
    """Return each caption's CIDEr-D, (n,); the corpus's is their mean. How rare words are is told by the references."""
    counted = [[_grams(words_of(one), _LONGEST) for one in wanted] for wanted in references]
    pictures_with: Grams = Counter()
    for wanted in counted:
        pictures_with.update({gram for one in wanted for grams in one for gram in grams})
    logarithm = math.log(len(references))

    def weighed(grams: Grams) -> dict[Gram, float]:
        return {gram: times * (logarithm - math.log(max(1, pictures_with[gram]))) for gram, times in grams.items()}

    return np.array(
        [
            float(np.mean([_likeness(_grams(words_of(caption), _LONGEST), one, weighed) for one in wanted])) * 10.0
            for caption, wanted in zip(captions, counted, strict=True)
        ]
    )


def _likeness(grams: Sequence[Grams], wanted: Sequence[Grams], weighed: Callable[[Grams], dict[Gram, float]]) -> float:
    """The mean of the cosines of one to four words, less for another length and for repeated words."""
    lengths = (sum(grams[0].values()), sum(wanted[0].values()))
    penalty = math.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * _SIGMA**2))
    total = 0.0
    for mine, theirs in zip(map(weighed, grams), map(weighed, wanted), strict=True):
        norms = math.dist(mine.values(), [0.0] * len(mine)) * math.dist(theirs.values(), [0.0] * len(theirs))
        if norms:
            clipped = (min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs)
            total += sum(clipped) / norms
    return penalty * total / len(grams)


def _grams(words: Sequence[str], longest: int) -> list[Grams]:
    return [
        Counter(tuple(words[start : start + order]) for start in range(len(words) - order + 1))
        for order in range(1, longest + 1)
    ]
