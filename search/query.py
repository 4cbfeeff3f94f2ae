"""What is looked for: words, example pictures, or both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..library.errors import QueryError


@dataclass(frozen=True, slots=True)
class Query:
    """A question: `texts` and example `images` count equally.

    Raises:
        QueryError: it is empty, or one of its texts is.
    """

    texts: tuple[str, ...] = ()
    images: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.texts and not self.images:
            raise QueryError(
                'nothing to look for: give some words, as in `photoseek search "a red car"`, or --like FILE'
            )
        if not all(text.strip() for text in self.texts):
            raise QueryError("the words to look for are empty")
