"""From a page's state to a query of the library, and from what is typed in the box to the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time

from .. import KnownImage, Picture, Query, QueryError, Term, Words, parse_terms
from ..api.uploads import Uploads
from ..library.catalog.conditions import (
    All,
    Compared,
    Condition,
    HasText,
    Matches,
    NameContains,
    OneOf,
    Order,
    Some,
    TextContains,
    Wildcard,
)
from .state import MOST_SHOWN, Brought, Filters, Part, SearchState


def as_query(state: SearchState, uploads: Uploads, below: Sequence[str] | None = None) -> Query:
    """Return what the state asks of the library: as much as may ever be shown, best first, whatever its order.

    Raises:
        QueryError: nothing is looked for, or a picture that was brought is not kept any more.
    """
    words = (Term(Words(state.words)),) if state.words else ()
    terms = (*words, *(Term(subject_of(part, uploads), part.weight) for part in state.parts))
    return Query(terms, as_condition(state.filters, below), MOST_SHOWN, calibrated=True)


def as_condition(filters: Filters, below: Sequence[str] | None = None) -> Condition | None:
    """Return what the filters let through; None where they let all through.

    With `below`, the folders that were indexed, a part of a path is looked for below them alone: who may not know where
    these lie is not to find it out by trying.
    """
    tests: list[Condition] = []
    if filters.after:
        tests.append(Compared("taken_at", Order.AT_LEAST, datetime.combine(filters.after, time.min)))
    if filters.before:
        tests.append(Compared("taken_at", Order.AT_MOST, datetime.combine(filters.before, time.max)))
    if filters.folder and below is not None:
        parts = (
            Matches("path", (f"{root.rstrip('/')}/", Wildcard.ANY, filters.folder, Wildcard.ANY)) for root in below
        )
        tests.append(Some(tuple(parts)))
    elif filters.folder.startswith("/"):
        tests.append(Matches("path", (filters.folder.rstrip("/") + "/", Wildcard.ANY)))
    elif filters.folder:
        tests.append(Matches("path", (Wildcard.ANY, filters.folder, Wildcard.ANY)))
    if filters.cameras:
        tests.append(OneOf("camera", filters.cameras))
    if filters.formats:
        tests.append(OneOf("format", filters.formats))
    if filters.rating:
        tests.append(Compared("rating", Order.AT_LEAST, filters.rating))
    if filters.side_px:
        sides = (Compared(side, Order.AT_LEAST, filters.side_px) for side in ("width", "height"))
        tests.append(Some(tuple(sides)))
    if filters.captioned:
        tests.append(HasText("caption"))
    if words := tuple(filters.text.split()):
        tests.append(Some((NameContains(words), TextContains(words))))
    tests += [Matches("colours", (Wildcard.ANY, colour, Wildcard.ANY)) for colour in filters.colours]
    if filters.area is not None:
        tests.append(filters.area)
    return All(tuple(tests)) if tests else None


def typed(state: SearchState, text: str) -> SearchState:
    """Return the state after `text` was entered in the box.

    Words take the place of all before but pictures that were brought; the first words join the pictures that are
    looked for. A sum, as in `2:golden retriever - fruit`, becomes parts; one that begins with a sign, as in `- fruit`
    or `+ beach`, is added to what is looked for already.

    Raises:
        QueryError: it makes no sense, or speaks of files or addresses: a server's files are not a visitor's to name.
    """
    text = text.strip()
    if not text:
        return state.asking("", state.parts)
    is_added = text.startswith(("+ ", "- "))
    parts = [_part(term) for term in parse_terms(text.removeprefix("+ "))]
    if is_added:
        return state.asking(state.words, (*state.parts, *parts))
    words = next((part.subject.text for part in parts if part.weight == 1 and isinstance(part.subject, Words)), "")
    if words:
        parts.remove(Part(Words(words)))
    is_joined = not state.words and len(parts) == 0
    kept = tuple(part for part in state.parts if is_joined or isinstance(part.subject, Brought))
    return state.asking(words, (*kept, *parts))


def weighed(state: SearchState, place: int, weight: float | None) -> SearchState:
    """Return the state in which the part at `place` has this weight, or is gone."""
    if not 0 <= place < len(state.parts):
        return state
    changed = () if weight is None else (replace(state.parts[place], weight=weight),)
    return state.asking(state.words, (*state.parts[:place], *changed, *state.parts[place + 1 :]))


def _part(term: Term) -> Part:
    match term.subject:
        case Words() | KnownImage() as subject:
            return Part(subject, term.weight)
        case _:
            raise QueryError("a file or an address cannot be named here: drop the picture on the page instead")


def subject_of(part: Part, uploads: Uploads) -> Words | KnownImage | Picture:
    """Return what a part speaks of, as a query does.

    Raises:
        QueryError: a picture that was brought is not kept any more.
    """
    if not isinstance(part.subject, Brought):
        return part.subject
    upload = uploads.get(part.subject.key)
    if upload is None:
        raise QueryError("the picture that was dropped here is not kept any more: drop it again, or take it off")
    return Picture(upload.file)
