"""How answers are printed: lines for people, one JSON value for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..console import plain

if TYPE_CHECKING:
    from ..library.types import Hit


def print_json(value: object) -> None:
    """Print one JSON value, in ASCII, so that it comes through any terminal, locale and pipe as it is."""
    click.echo(json.dumps(value, indent=2, default=_as_json))


def print_scored(score: float, text: str) -> None:
    """Print a score and what it is for."""
    click.echo(f"{score:6.3f}  {plain(text)}")


def hit_fields(hit: Hit) -> dict[str, object]:
    """Return a hit as JSON has it: id, path and score first, since they are what most callers read."""
    fields = asdict(hit.image) | {"path": str(hit.image.path)}
    return {
        "id": fields.pop("id"),
        "path": fields.pop("path"),
        "score": hit.score,
        "probability": hit.probability,
    } | fields


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
