"""What the built-in captioner says of things that the captions it learned from never show: their names, hedged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..library.embedders.onnx_files import reading
from ..library.types import Vectors
from .beam import Written

UNCOVERED_FROM: Final = 0.5
"""From this chance on, together, for classes that the captions never show and the caption does not name, the name of
what is likeliest takes the caption's place."""

DOUBTFUL_BELOW: Final = -2.2
UNCOVERED_IF_DOUBTFUL: Final = 0.25
"""Below this score the decoder doubts its own words, and half the chance suffices. Chosen on validation photographs,
of which seven in eight keep their captions."""

SURE_FROM: Final = 0.7
LIKELY_FROM: Final = 0.35
"""From these chances on a name is said plainly, and said with "probably"."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A kind of thing, such as bird, and the numbers of the classes below it."""

    name: str
    classes: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The image tower's classes in words.

    `names` are the classes' with their articles, `covered` tells which of them the captions learned from show, and
    `said_by` which words of a caption speak of each: its own, and those of the kinds above it. `groups` are those
    kinds, the narrowest first.
    """

    names: tuple[str, ...]
    covered: np.ndarray[tuple[int], np.dtype[np.bool_]]
    said_by: tuple[frozenset[str], ...]
    groups: tuple[_Group, ...]

    @classmethod
    def read(cls, path: Path) -> Names:
        """Read the file that training wrote.

        Raises:
            ModelUnavailable: it is missing or broken.
        """
        with reading(path):
            found = json.loads(path.read_text(encoding="utf-8"))
            classes = found["classes"]
            return cls(
                tuple(one["name"] for one in classes),
                np.array([one["covered"] for one in classes], dtype=np.bool_),
                tuple(frozenset(one["said_by"]) for one in classes),
                tuple(_Group(one["name"], np.array(one["classes"], dtype=np.int64)) for one in found["groups"]),
            )

    def choose(self, chances: Vectors, captions: Sequence[tuple[Written, Sequence[str]]]) -> Sequence[str] | str:
        """Return the caption to give, as its words, or a name in its place.

        Args:
            chances: (classes,) probabilities of what the picture shows.
            captions: what the decoder wrote, best first, with the words.
        """
        for written, words in captions:
            bound = UNCOVERED_FROM if written.score >= DOUBTFUL_BELOW else UNCOVERED_IF_DOUBTFUL
            if self._unsaid(chances, words) < bound and not self._misses_the_obvious(chances, written, words):
                return words
        return self.hedged(chances)

    def hedged(self, chances: Vectors) -> str:
        """Name what is likeliest: its class, else the narrowest kind that is likely enough, else two of the classes."""
        first, second = np.argsort(-chances, kind="stable")[:2]
        if chances[first] >= SURE_FROM:
            return self.names[int(first)]
        for group in self.groups:
            if chances[group.classes].sum() >= SURE_FROM:
                is_one_likely = chances[first] >= LIKELY_FROM and first in group.classes
                return f"{group.name}, probably {self.names[first]}" if is_one_likely else group.name
        if chances[first] >= LIKELY_FROM:
            return f"probably {self.names[first]}"
        return f"perhaps {self.names[first]} or {self.names[second]}"

    def in_chinese(self, path: Path) -> ChineseNames:
        """Read their names in Chinese: of every kind, and of each class that is of none.

        Raises:
            ModelUnavailable: the file is missing, broken or incomplete.
        """
        with reading(path):
            rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
            kinds, classes = ({name: chinese for of, name, chinese in rows if of == one} for one in ("kind", "class"))
            groups = tuple(_Group(kinds[_bare(group.name)], group.classes) for group in self.groups)
            narrowest = {int(one): group.name for group in reversed(groups) for one in group.classes}
            named = [narrowest.get(number) or classes[_bare(name)] for number, name in enumerate(self.names)]
        return ChineseNames(tuple(named), groups)

    def _misses_the_obvious(self, chances: Vectors, written: Written, words: Sequence[str]) -> bool:
        """Whether a caption that the decoder doubts leaves out what the tower is sure of."""
        first = int(chances.argmax())
        is_sure = chances[first] >= SURE_FROM and written.score < DOUBTFUL_BELOW
        return bool(is_sure) and not set(words) & self.said_by[first]

    def _unsaid(self, chances: Vectors, words: Sequence[str]) -> float:
        """The chance of classes that no caption learned from shows and these words do not speak of."""
        said = set(words)
        likely = np.flatnonzero(chances >= 0.01)
        return float(sum(chances[one] for one in likely if not self.covered[one] and not said & self.said_by[one]))


@dataclass(frozen=True, slots=True)
class ChineseNames:
    """The classes' names in Chinese, of most those of the narrowest kind they are of, and the kinds as in `Names`."""

    names: tuple[str, ...]
    groups: tuple[_Group, ...]

    def hedged(self, chances: Vectors) -> str:
        """Name what is likeliest: its kind, else the narrowest that is likely enough, else two of them."""
        first, second = (self.names[int(one)] for one in np.argsort(-chances, kind="stable")[:2])
        if chances.max() >= SURE_FROM:
            return first
        for group in self.groups:
            if chances[group.classes].sum() >= SURE_FROM:
                return group.name
        if chances.max() >= LIKELY_FROM:
            return f"可能是{first}"
        return f"也许是{first}" if first == second else f"也许是{first}或{second}"


def _bare(name: str) -> str:
    """Return a name without its article."""
    return name.removeprefix("a ").removeprefix("an ")
