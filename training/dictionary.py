"""Chinese words and their English ones, from CC-CEDICT: things that can be seen, and words that captions use."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .wordnet import WordNet

OFTEN_ENOUGH = 3
"""So often captions use a word that is worth knowing in another language."""

MOST_MEANINGS = 3
"""A word's first meanings, of up to twenty: the later ones are rare."""

HELD_OUT = 40
"""One English word in so many is kept from teaching, with all the Chinese words that mean it."""

_ENTRY = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /(.*)/\s*$")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_ARTICLE = re.compile(r"^(?:an?|the|to) ")
_PLAIN = re.compile(r"[a-z]+(?:[ -][a-z]+){0,2}$")
_LONGEST = 6
_REFERENCES = ("variant of", "see ", "CL:", "abbr.", "surname", "old ", "used in", "classifier", "also ", "same as")


@dataclass(frozen=True, slots=True)
class Entry:
    """One word, simplified and traditional, and what it means, its usual meaning first."""

    simplified: str
    traditional: str
    english: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether it is kept for measuring; all words for one thing are, however they are written."""
        return any(is_held_out(word) for word in self.english)


def is_held_out(english: str) -> bool:
    """Whether an English word is kept for measuring."""
    return zlib.crc32(english.encode()) % HELD_OUT == 0


def seen_words(path: Path, wordnet: WordNet, captions: Sequence[str]) -> Iterator[Entry]:
    """The entries of CC-CEDICT that mean what photographs show: image classes, kinds of them, and captions' words.

    Args:
        path: the dictionary as it is published, compressed.
        wordnet: what the image classes and their kinds are called.
        captions: captions in English.
    """
    wanted = {lemma.lower() for synset in wordnet.classes_below for lemma in wordnet.synsets[synset].lemmas}
    counts = Counter(word for caption in captions for word in re.findall(r"[a-z]+", caption.lower()))
    wanted |= {word for word, count in counts.items() if count >= OFTEN_ENOUGH}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = _ENTRY.match(line)
            # A capital in the pronunciation marks a name.
            if entry is None or entry[3] != entry[3].lower() or len(entry[2]) > _LONGEST:
                continue
            english = [word for meaning in entry[4].split("/") for word in _plain_meanings(meaning)][:MOST_MEANINGS]
            if seen := [word for word in english if word in wanted]:
                yield Entry(entry[2], entry[1], tuple(dict.fromkeys(seen)))


def _plain_meanings(meaning: str) -> Iterator[str]:
    if not meaning.startswith(_REFERENCES):
        for part in _ASIDE.sub("", meaning).split(";"):
            word = _ARTICLE.sub("", part.strip())
            if _PLAIN.match(word):
                yield word
