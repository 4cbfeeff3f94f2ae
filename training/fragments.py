"""Short phrases out of captions, "a red shirt", "two dogs on a beach": what people type who type few words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BOUNDARIES = frozenset(
    {
        *("in", "on", "at", "of", "to", "into", "onto", "over", "under", "through", "across", "along", "near", "by"),
        *("beside", "behind", "with", "without", "from", "for", "against", "around", "up", "down", "off", "out"),
        *("inside", "outside", "above", "below", "between", "towards", "toward", "past", "next", "and", "or", "while"),
        *("as", "is", "are", "was", "that", "which", "who", "whose", "their", "his", "her", "its", "wearing"),
        "holding",
    }
)
"""Words before which a caption is cut; they do not begin a phrase."""

ARTICLES = frozenset({"a", "an", "the"})
MOST_WORDS = 6

_WORD = re.compile(r"[A-Za-z'-]+|[^A-Za-z\s]")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A caption's number among those given, and a phrase of it."""

    caption: int
    text: str


def fragments(captions: Sequence[str], seed: int) -> Iterator[Fragment]:
    """Yield one phrase of each caption that is longer than that: a part of it, or two neighbouring parts."""
    chance = np.random.default_rng(seed)
    for number, caption in enumerate(captions):
        found = list(dict.fromkeys(_phrases(_WORD.findall(caption.lower()))))
        if found:
            words = found[int(chance.integers(len(found)))].split()
            # Some say "a dog", some "dog".
            if words[0] in ARTICLES and len(words) > 1 and chance.random() < 0.5:
                words = words[1:]
            yield Fragment(number, " ".join(words))


def _phrases(words: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a caption without the words that join them, and neighbouring parts with them."""
    starts = [place for place, word in enumerate(words) if word in BOUNDARIES or not word[0].isalpha()]
    bounds = [0, *starts, len(words)]
    for place in range(len(bounds) - 1):
        for end in (bounds[place + 1], bounds[min(place + 2, len(bounds) - 1)]):
            part = _trimmed(words[bounds[place] : end])
            if part and len(part) <= MOST_WORDS and len(part) < len(words) - 1:
                yield " ".join(part)


def _trimmed(words: Sequence[str]) -> Sequence[str]:
    """Leave out what joins at either end; nothing is left of a part with another sign than a letter's."""
    while words and (words[0] in BOUNDARIES or not words[0][0].isalpha()):
        words = words[1:]
    while words and (words[-1] in BOUNDARIES or words[-1] in ARTICLES or not words[-1][0].isalpha()):
        words = words[:-1]
    return words if all(word[0].isalpha() for word in words) else ()
