"""Options that several commands share, and how answers are printed: lines for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from ..library.errors import EmptyPath
from ..library.files import is_blank
from .console import plain

# The API is imported by the command that runs, so that --help and a mistyped option answer at once.
if TYPE_CHECKING:
    from ..api import Library
    from ..library.types import Hit
    from ..search.query.query import KnownImage

_Command = TypeVar("_Command", bound=Callable[..., None])


_AT_ONCE: Final = 1_000
"""Objects of a JSON array that are printed together."""


class _GivenPath(click.Path):
    """A path that is not empty: that would else be taken for the current folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if is_blank(value):
            self.fail(str(EmptyPath()), param, ctx)
        return super().convert(value, param, ctx)


PATH = _GivenPath(path_type=Path)

library_option = click.option(
    "--library",
    "folder",
    metavar="DIR",
    type=PATH,
    help="The library's folder, else $PHOTOSEEK_LIBRARY, else one of your own.",
)
judge_option = click.option(
    "--judge",
    metavar="NAME",
    help="Who judges hits: mini or regions (both built in), or a vision-language model; the library's unless given.",
)
vlm_option = click.option(
    "--vlm",
    metavar="NAME",
    help="The model: mini (built in), blip, llava, llava:NAME_OR_PATH or http://HOST:PORT/v1#MODEL; "
    "the library's own unless given.",
)
_UNITS_S = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def read_duration(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Read a length of time, such as 2s, 500ms or 1.5."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", value.strip())
    if found is None or found[2] not in _UNITS_S:
        message = f"{value!r} is no length of time such as 2s, 500ms or 1min"
        raise click.BadParameter(message)
    return float(found[1]) * _UNITS_S[found[2]]


wait_option = click.option(
    "--wait",
    "wait_s",
    metavar="TIME",
    callback=read_duration,
    help="Wait so long, as 30s or 10min, for another command that is writing to the library.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON value on stdout.")
top_option = partial(
    click.option, "-k", "--top", metavar="N", type=click.IntRange(min=1), show_default=True, help="How many, at most."
)


def model_options(command: _Command) -> _Command:
    """Add --library and --model."""
    model = click.option(
        "--model",
        metavar="NAME",
        help="mini (built in) or an open_clip model as NAME/PRETRAINED; the library's own unless given.",
    )
    return library_option(model(command))


def path_or_id(text: str) -> Path | KnownImage:
    """Read what names a picture of the library by its path or, as in `id:12`, by its id."""
    from ..search.query.arithmetic import parse_image
    from ..search.query.query import KnownImage

    subject = parse_image(text)
    return subject if isinstance(subject, KnownImage) else Path(text)


def library_at(
    folder: Path | None, model: str | None = None, judge: str | None = None, *, wait_s: float = 0.0
) -> Library:
    """Return the library that the options name; nothing is opened yet."""
    from ..api import open_library

    return open_library(folder, model=model, judge=judge, wait_s=wait_s)


def print_json(value: object) -> None:
    """Print one JSON value, in ASCII, so that it comes through any terminal, locale and pipe as it is."""
    click.echo(json.dumps(value, indent=2, default=_as_json))


def print_json_array(values: Iterable[Mapping[str, object]]) -> None:
    """Print objects as one JSON array, as `print_json` would, some at a time; nothing where the first one raises."""
    coming = iter(values)
    some = list(islice(coming, _AT_ONCE))
    if not some:
        click.echo("[]")
        return
    opening = "[\n  "
    while some:
        click.echo(opening + ",\n  ".join(map(_object_text, some)), nl=False)
        opening = ",\n  "
        some = list(islice(coming, _AT_ONCE))
    click.echo("\n]")


def _object_text(value: Mapping[str, object]) -> str:
    """Word an object as it stands in an array that is indented by two."""
    if not value or any(isinstance(one, dict | list | tuple) for one in value.values()):
        return json.dumps(value, indent=2, default=_as_json).replace("\n", "\n  ")
    # Without `indent`, Python's encoder is the one written in C: a tenth of the time.
    return "{\n    " + json.dumps(value, separators=(",\n    ", ": "), default=_as_json)[1:-1] + "\n  }"


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
    image = hit.image
    # Not `asdict`, which copies every value deeply: most of the time of a long answer.
    fields = {name: getattr(image, name) for name in image.__slots__} | {"path": str(image.path)}
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
