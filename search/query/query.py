"""What is looked for, as a value: words and pictures with weights, a filter, and how the answer is cut and sorted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ...library.catalog.conditions import Condition
from ...library.errors import QueryError


def check_text(text: str, what: str) -> None:
    """Refuse what no model and no database takes: bytes that came as lone surrogates, as from another locale.

    Raises:
        QueryError: there are some; `what` names the text.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"{what} hold bytes that are no text in UTF-8: write them anew, or check the terminal's locale"
        raise QueryError(message) from error


@dataclass(frozen=True, slots=True)
class Words:
    """A text.

    Raises:
        QueryError: it is empty, or no text.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise QueryError("the words to look for are empty")
        check_text(self.text, "the words to look for")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a file, in the library or not."""

    path: Path


@dataclass(frozen=True, slots=True)
class KnownImage:
    """A picture of the library, by its id."""

    image_id: int


@dataclass(frozen=True, slots=True)
class Address:
    """A picture on the web; see remote.py for what is fetched and what is not."""

    url: str


Subject: TypeAlias = Words | Picture | KnownImage | Address


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to look for; with a negative weight, a thing to keep away from.

    Raises:
        QueryError: the weight is zero or not finite.
    """

    subject: Subject
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight) or self.weight == 0:
            message = f"a weight must be a number other than zero, not {self.weight}"
            raise QueryError(message)


class Sort(Enum):
    """The order of the answer: the `k` best are chosen by score, then put in this order."""

    SCORE = "score"
    NEWEST = "newest"  # taken last first; pictures without a date come last, as they do in OLDEST
    OLDEST = "oldest"


Threshold: TypeAlias = float | Literal["auto"] | None
"""Where the answer ends before `k`: below a score, or where matches end by the library's calibration."""

DEFAULT_K: Final = 20


@dataclass(frozen=True, slots=True)
class Query:
    """A question.

    The terms of positive weight are averaged by weight in the model's space; see ranking.py for the negative ones.
    `where` is exact: the answer holds `k` images whenever so many match it and none falls below `threshold`. With
    `texts`, images come first whose captions, titles or keywords say the words; see worded.py. With `calibrated`, hits
    tell how likely they match, as they do where the threshold is "auto", whatever is cut.

    Raises:
        QueryError: nothing is looked for, `k` is less than 1, or the threshold is not a number.
    """

    terms: tuple[Term, ...] = ()
    where: Condition | None = None
    k: int = DEFAULT_K
    threshold: Threshold = None
    sort: Sort = Sort.SCORE
    texts: bool = False
    calibrated: bool = False

    def __post_init__(self) -> None:
        if not self.terms:
            raise QueryError(
                'nothing to look for: give some words, as in `photoseek search "a red car"`, or --like FILE'
            )
        if not self.positive:
            raise QueryError("only things to keep away from were given: say what to look for as well")
        if self.k < 1:
            message = f"{self.k} results were asked for: ask for at least 1"
            raise QueryError(message)
        if isinstance(self.threshold, float | int) and not math.isfinite(self.threshold):
            message = f"a threshold must be a number, not {self.threshold}"
            raise QueryError(message)

    @property
    def positive(self) -> tuple[Term, ...]:
        """What is looked for."""
        return tuple(term for term in self.terms if term.weight > 0)

    @property
    def negative(self) -> tuple[Term, ...]:
        """What is kept away from; the weights are below zero."""
        return tuple(term for term in self.terms if term.weight < 0)
