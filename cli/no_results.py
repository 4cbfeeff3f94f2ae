"""Why a search found nothing, and what its words may have been meant to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import plain

if TYPE_CHECKING:
    from ..library.catalog.conditions import Condition
    from ..search.query.query import Query


def note_files(query: Query) -> None:
    """Say of words that are also the name of a file here that they were taken as words."""
    from ..search.query.query import Words

    for term in query.terms:
        if isinstance(term.subject, Words) and _is_file(term.subject.text):
            name = plain(term.subject.text)
            option = "--like" if term.weight > 0 else "--not-like"
            click.echo(f"note: {name} is taken as words; the picture of that name is {option} {name}", err=True)


def why_none(query: Query) -> str:
    """Say why there is no answer, as far as the question tells."""
    if query.threshold == "auto":
        return "nothing here matches" + (
            "" if query.where is None else " among the images that the filter lets through"
        )
    if query.threshold is not None:
        return "no images: none scores as high as the threshold"
    if query.where is not None:
        return "no images: none matches the filter" + _text_hint(query.where)
    return "no images: there are none in this library"


def _text_hint(condition: Condition) -> str:
    """Remind of how texts are compared, where some are."""
    from ..library.catalog.conditions import FIELDS, All, Compared, Kind, Matches, Not, OneOf, Some

    match condition:
        case Matches():
            return "; ~ matches the whole text, as in '*/Trips/*', and capital and small letters differ"
        case Compared(field=field) | OneOf(field=field) if FIELDS[field] is Kind.TEXT:
            return "; capital and small letters differ in texts"
        case Not(part):
            return _text_hint(part)
        case All(parts) | Some(parts):
            return max((_text_hint(part) for part in parts), key=len)
    return ""


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that no name has
        return False
