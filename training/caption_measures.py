"""How good captions are beside several others: BLEU-4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.types import Vectors
from ..rerank.caption_words import words_of

Gram: TypeAlias = tuple[str, ...]
Grams: TypeAlias = "Counter[Gram]"
Splitter: TypeAlias = Callable[[str], list[str]]

_LONGEST = 4
_SIGMA = 6.0
"""CIDEr-D's tolerance of another length, in words."""


@dataclass(frozen=True, slots=True, eq=False)
class BleuCounts:
    """What BLEU needs of n captions, so that parts of them are measured without counting anew.

    `right` and `grams` are (n, longest), clipped and all n-grams; `length` and `wanted` are (n,), words of the caption
    and of the reference nearest in length.
    """

    right: NDArray[np.int64]
    grams: NDArray[np.int64]
    length: NDArray[np.int64]
    wanted: NDArray[np.int64]

    def bleu(self, chosen: NDArray[np.int64] | None = None) -> float:
        """Return corpus BLEU of some of the captions: the geometric mean of precisions, times the brevity penalty."""
        some = slice(None) if chosen is None else chosen
        right, grams = self.right[some].sum(axis=0), self.grams[some].sum(axis=0)
        if not right.all():
            return 0.0
        brevity = min(0.0, 1.0 - float(self.wanted[some].sum() / self.length[some].sum()))
        return float(np.exp(np.log(right / grams).mean() + brevity))


def bleu_counts(
    captions: Sequence[str], references: Sequence[Sequence[str]], longest: int = _LONGEST, split: Splitter = words_of
) -> BleuCounts:
    """Count what BLEU needs."""
    right, grams_of, lengths, wanted_lengths = [], [], [], []
    for caption, wanted in zip(captions, references, strict=True):
        words, wanted_words = split(caption), [split(one) for one in wanted]
        counts = [_grams(one, longest) for one in wanted_words]
        lengths.append(len(words))
        wanted_lengths.append(min((abs(len(one) - len(words)), len(one)) for one in wanted_words)[1])
        mine = _grams(words, longest)
        grams_of.append([sum(grams.values()) for grams in mine])
        right.append(
            [
                sum(min(times, max(one[order][gram] for one in counts)) for gram, times in grams.items())
                for order, grams in enumerate(mine)
            ]
        )
    return BleuCounts(np.array(right), np.array(grams_of), np.array(lengths), np.array(wanted_lengths))


def bleu(
    captions: Sequence[str], references: Sequence[Sequence[str]], longest: int = _LONGEST, split: Splitter = words_of
) -> float:
    """Return corpus BLEU."""
    return bleu_counts(captions, references, longest, split).bleu()


def cider(captions: Sequence[str], references: Sequence[Sequence[str]], split: Splitter = words_of) -> Vectors:
    """Return each caption's CIDEr-D, (n,); the corpus's is their mean. How rare words are is told by the references."""
    counted = [[_grams(split(one), _LONGEST) for one in wanted] for wanted in references]
    pictures_with: Grams = Counter()
    for wanted in counted:
        pictures_with.update({gram for one in wanted for grams in one for gram in grams})
    logarithm = math.log(len(references))

    def weighed(grams: Grams) -> dict[Gram, float]:
        return {gram: times * (logarithm - math.log(max(1, pictures_with[gram]))) for gram, times in grams.items()}

    return np.array(
        [
            float(np.mean([_likeness(_grams(split(caption), _LONGEST), one, weighed) for one in wanted])) * 10.0
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
