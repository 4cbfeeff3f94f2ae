"""Tell the texts that mini's English tower reads from those that its multilingual tower reads."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 17
"""Spellings are counted by their hash modulo this; few of those that matter share a bucket."""

LEAST_EVIDENCE = 3.0
"""Log odds from which a text in Latin letters is not English. Of 35,000 English captions none reaches it; of 3,000
German, French and Czech ones all but one do. Single words say less, and the margin is for them."""

_SENTENCE_WORDS = 3
_SURE = 5.0
"""The evidence that it takes against so many words or more, all of them English ones."""

_OF_A_LONE_WORD = 6.0
"""The evidence that it takes against a single word without accents."""

LONGEST_JUDGED = 2_000
"""Characters of a text that are looked at: enough to know its language."""

# Scripts in which a single character is a word or most of one.
_DENSE = (
    "\u0e00-\u0e7f"  # Thai
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
)
# Alphabets, whose single letters stand in English texts too, as symbols.
_ALPHABETS = (
    "\u0370-\u03ff\u1f00-\u1fff"  # Greek
    "\u0400-\u052f"  # Cyrillic
    "\u0590-\u05ff"  # Hebrew
    "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff"  # Arabic
    "\u0900-\u097f"  # Devanagari
    "\u0980-\u09ff"  # Bengali
)
_OTHER_SCRIPT = re.compile(f"[{_DENSE}]|[{_ALPHABETS}]{{2}}")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class LatinProfile:
    """What tells English from other languages in Latin letters.

    `weights` are the log odds of spellings, (BUCKETS,) int8 in units of `unit`; `bias` is added once.
    `known` are the hashes of English words and of names in several words or with capitals, sorted: a text that is such
    a name, or of such words alone, is English unless it is a sentence whose spellings say otherwise.
    """

    weights: NDArray[np.int8]
    unit: float
    bias: float
    known: NDArray[np.uint32]

    @classmethod
    def read(cls, path: Path) -> LatinProfile:
        """Read a profile as `write` leaves it.

        Raises:
            OSError, ValueError, KeyError: the file is missing or broken.
        """
        with np.load(path, allow_pickle=False) as stored:
            unit, bias = (float(value) for value in stored["scale"])
            return cls(stored["weights"], unit, bias, stored["known"])

    def write(self, path: Path) -> None:
        """Write the profile to a file."""
        np.savez(path, weights=self.weights, scale=np.array([self.unit, self.bias]), known=self.known)

    def evidence(self, text: str) -> float:
        """The log odds that a text is not English; minus infinity where its words are known."""
        found = words(text)
        plain = words(without_marks(text))
        if self.knows(whole_name(plain)):
            return float("-inf")
        buckets = [bucket for word in found for bucket in spelling_buckets(word)]
        evidence = self.bias + self.unit * float(self.weights[buckets].sum(dtype=np.int64))
        all_known = all(map(self.knows, found)) or all(map(self.knows, plain))
        # "Chat noir" may be English, "femme en robe rouge" cannot, though each of its words is in the dictionary.
        return float("-inf") if all_known and (len(found) < _SENTENCE_WORDS or evidence < _SURE) else evidence

    @staticmethod
    def mark(word: str) -> np.uint32:
        """What stands for a word among the known."""
        return np.uint32(zlib.crc32(word.encode()))

    def knows(self, word: str) -> bool:
        """Whether this is an English word, in small letters."""
        mark = self.mark(word)
        place = int(np.searchsorted(self.known, mark))
        return place < len(self.known) and bool(self.known[place] == mark)


def in_other_script(text: str) -> bool:
    """Whether a text has words in a script, not Latin, that the multilingual tower reads.

    One Chinese, Japanese, Korean or Thai character is enough, beside English words too; of the alphabets it takes two
    letters together, since a single one may be a symbol.
    """
    return _OTHER_SCRIPT.search(unicodedata.normalize("NFKC", text[:LONGEST_JUDGED])) is not None


def is_english(text: str, latin: LatinProfile) -> bool:
    """Whether the English tower reads a text: every one in Latin letters, unless its words are surely not English."""
    if in_other_script(text):
        return False
    # Names of places and makes are spelt as their language is: "Volkswagen", "Lamborghini".
    lone = text.isascii() and len(text) < LONGEST_JUDGED and len(words(text)) == 1
    return latin.evidence(text[:LONGEST_JUDGED]) < (_OF_A_LONE_WORD if lone else LEAST_EVIDENCE)


def words(text: str) -> list[str]:
    """The words of a text in small letters, composed, without digits and marks."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def without_marks(text: str) -> str:
    """A text without its accents: English writes "creme brulee" with and without them."""
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))


def whole_name(found: Sequence[str]) -> str:
    """What stands among the known for a name as a whole, which says nothing of its words alone."""
    return "=" + " ".join(found)


def spelling_buckets(word: str) -> Iterator[int]:
    """The buckets of a word and of all runs of two to four characters in it, its ends marked."""
    marked = f"<{word}>"
    yield _bucket(marked)
    for length in (2, 3, 4):
        for start in range(len(marked) - length + 1):
            yield _bucket(marked[start : start + length])


def _bucket(spelling: str) -> int:
    return zlib.crc32(spelling.encode()) % BUCKETS
