"""Words found in what is said about images: those whose texts say them come before those that only look so.

A model knows what a dog looks like, and not who Anna is. Comparing the vectors of texts finds little more than the
words themselves do, and more that is wrong: of images that were given one keyword each, words alone bring what they
name to the front (docs/queries.md has the figures).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..library.catalog.conditions import All, TextContains
from ..library.types import Hit
from .query.query import Query, Words

SMALL_WORDS: Final = frozenset({"a", "an", "the", "of", "on", "in", "at", "and", "with", "is", "its", "to", "by"})
"""Not looked for beside others: a keyword has none of them."""


def text_matches_first(query: Query, search: Callable[[Query], list[Hit]]) -> list[Hit]:
    """Return up to `k` hits: those whose texts say each of the query's words first, then the others, each by score.

    Both are exact, under any filter. "auto" does not cut what the words are found in: they are the evidence.

    Args:
        query: the question.
        search: answers a question without regard to texts.
    """
    alone = replace(query, texts=False)
    said = tuple(
        TextContains(words)
        for term in query.positive
        if isinstance(term.subject, Words)
        if (words := _words(term.subject.text))
    )
    if not said:
        return search(alone)
    where = said if query.where is None else (query.where, *said)
    spared = replace(alone, threshold=None, calibrated=True) if query.threshold == "auto" else alone
    first = search(replace(spared, where=All(where)))
    if len(first) >= query.k:
        return first
    shown = {hit.image.id for hit in first}
    # Of the k best, no more are taken away than stand before them.
    others = [hit for hit in search(alone) if hit.image.id not in shown]
    return [*first, *others][: query.k]


def _words(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(re.findall(r"\w+", text))
    return tuple(word for word in found if word.casefold() not in SMALL_WORDS) or tuple(found)
