"""Errors of questions: queries, filters, addresses, labelled queries."""

from __future__ import annotations

from pathlib import Path
from unicodedata import east_asian_width

from .base import PhotoseekError

_POINTER_WIDTH = 72
"""Letters of a filter that are shown at most above the caret: a terminal's line."""


class QueryError(PhotoseekError):
    """A question that cannot be asked."""


class FilterError(QueryError):
    """A filter cannot be understood. `start` is the place of the trouble, in characters from 0."""

    def __init__(self, text: str, start: int, reason: str) -> None:
        super().__init__(text, start, reason)
        self.text = text
        self.start = start
        self.reason = reason

    def __str__(self) -> str:
        before, after = self.text[max(0, self.start - 20) : self.start], self.text[self.start : self.start + 20]
        return f"{self.summary} (at {before}>>>{after})"

    @property
    def summary(self) -> str:
        """What is wrong, for whoever shows `pointer` below it."""
        return f"filter, character {self.start + 1}: {self.reason}"

    def pointer(self) -> str:
        """The filter in one line, or what of it is near the trouble, and in the next a caret under the place."""
        line = "".join(character if character.isprintable() else " " for character in self.text)
        first = max(0, self.start - _POINTER_WIDTH // 2)
        head = "..." if first else ""
        tail = "..." if len(line) > first + _POINTER_WIDTH else ""
        # Letters of East Asian scripts take two columns of a terminal.
        columns = sum(1 + (east_asian_width(letter) in "WF") for letter in line[first : self.start])
        return f"{head}{line[first : first + _POINTER_WIDTH]}{tail}\n{' ' * (len(head) + columns)}^"


class AddressRefused(QueryError):
    """A picture's URL may not be fetched from here."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url} is not fetched: {self.reason}"


class EvaluationError(PhotoseekError):
    """A file of labelled queries cannot be read, or does not speak of this library."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
