"""Search's questions from a file, one a line, and how their answers are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from ..library.errors import QueryError
from .console import plain
from .output import hit_fields, print_hit, print_json
from .result_files import folded

if TYPE_CHECKING:
    from ..api import Library
    from ..library.types import Hit
    from ..search.query.query import Query

_AT_ONCE = 64
"""Questions that share one pass of the model: more are hardly faster, and would hold more answers in memory."""


def read_batch(file: TextIO, query_of: Callable[[str], Query]) -> list[tuple[str, Query]]:
    """Return each line that is not empty, and what it asks.

    Raises:
        QueryError: a line cannot be asked, or the file is no text; the error names the line.
    """
    questions: list[tuple[str, Query]] = []
    try:
        for number, line in enumerate(file, start=1):
            words = line.strip()
            if not words:
                continue
            try:
                questions.append((words, query_of(words)))
            except QueryError as error:
                message = f"{file.name}, line {number}: {error}"
                raise QueryError(message) from error
    except UnicodeDecodeError as error:
        message = f"{file.name} is no text in UTF-8: save it as such"
        raise QueryError(message) from error
    return questions


def print_batch(library: Library, questions: Sequence[tuple[str, Query]], *, fold: bool, as_json: bool) -> None:
    """Print each question with its answers: for people as they come, for programs as one array of {query, hits}."""
    answers: list[dict[str, object]] = []
    for words, hits in _answered(library, questions):
        shown, alike = folded(library, hits) if fold else (hits, {})
        if as_json:
            answers.append({"query": words, "hits": [hit_fields(hit, alike if fold else None) for hit in shown]})
            continue
        click.echo(plain(words))
        for hit in shown:
            print_hit(hit, len(alike.get(hit.image.id, ())))
        click.echo()
    if as_json:
        print_json(answers)


def _answered(library: Library, questions: Sequence[tuple[str, Query]]) -> Iterator[tuple[str, list[Hit]]]:
    for start in range(0, len(questions), _AT_ONCE):
        some = questions[start : start + _AT_ONCE]
        found = library.search_many([query for _, query in some])
        yield from ((words, hits) for (words, _), hits in zip(some, found, strict=True))
