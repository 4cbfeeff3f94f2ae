"""How answers are printed: lines for people, one JSON value for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from .console import plain

if TYPE_CHECKING:
    from ..library.types import Hit


def print_json(value: object) -> None:
    """Print one JSON value, in ASCII, so that it comes through any terminal, locale and pipe as it is."""
    click.echo(json.dumps(value, indent=2, default=_as_json))


def print_scored(score: float, text: str) -> None:
    """Print a score and what it is for."""
    click.echo(f"{score:6.3f}  {plain(text)}")


def print_hit(hit: Hit, alike_count: int = 0) -> None:
    """Print a hit: its score, its probability where it has one, its path, and how many like it are folded under it."""
    chance = "" if hit.probability is None else f"{hit.probability:4.0%}  "
    print_scored(hit.score, f"{chance}{hit.image.path}" + (f"  (+{alike_count:,} alike)" if alike_count else ""))


def hit_fields(hit: Hit, alike: Mapping[int, Sequence[Hit]] | None = None) -> dict[str, object]:
    """Return a hit as JSON has it: id, path and score first, since they are what most callers read.

    `alike` are the hits folded under others, by the id of what is shown; None where nothing was to be folded.
    """
    fields = asdict(hit.image) | {"path": str(hit.image.path)}
    first = {
        "id": fields.pop("id"),
        "path": fields.pop("path"),
        "score": hit.score,
        "probability": hit.probability,
    }
    if alike is None:
        return first | fields
    return first | {"duplicates": [hit_fields(one) for one in alike.get(hit.image.id, ())]} | fields


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
