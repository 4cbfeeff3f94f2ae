"""Options that several commands share, and the library they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..library.errors import EmptyPath
from ..library.paths import is_blank

# The API is imported by the command that runs, so that --help and a mistyped option answer at once.
if TYPE_CHECKING:
    from ..api import Library
    from ..search.query.query import KnownImage

_Command = TypeVar("_Command", bound=Callable[..., None])


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
    help="Who looks again: mini or regions (both built in), or a vision-language model; the library's unless given.",
)
vlm_option = click.option(
    "--vlm",
    metavar="NAME",
    help="The model: mini (built in), blip, llava, llava:NAME_OR_PATH or http://HOST:PORT/v1#MODEL; "
    "the library's own unless given.",
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


def library_at(folder: Path | None, model: str | None = None, judge: str | None = None) -> Library:
    """Return the library that the options name; nothing is opened yet."""
    from ..api import open_library

    return open_library(folder, model=model, judge=judge)
