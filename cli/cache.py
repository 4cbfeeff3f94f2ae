"""photoseek cache."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..library.kept import KINDS
from .common import json_option, library_at, library_option, print_json
from .console import plain

if TYPE_CHECKING:
    from ..library.kept import Kept


@click.command("cache", short_help="Show or clear what is remembered to spare work.")
@click.option(
    "--clear", "kinds", metavar="KIND", type=click.Choice([*KINDS, "all"]), multiple=True, help="Let go of this kind."
)
@click.option("--model", metavar="NAME", help="Only what is of this model.")
@library_option
@json_option
def cache_command(*, kinds: tuple[str, ...], model: str | None, folder: Path | None, as_json: bool) -> None:
    """Show what is remembered to spare work, by kind and model, or let go of some of it with --clear KIND or `all`.

    Of the library: judgements of reranking, answers and captions of vision-language models, places, maps, calibration.
    Of the user's cache, for all libraries: vectors of labels, thumbnails, towers of open_clip models. All of it is made
    again when it is needed; captions that images have stay.
    """
    with library_at(folder) as library:
        chosen = [kind for kind in KINDS if kind in kinds or "all" in kinds]
        found = library.clear_cache(chosen, model=model) if kinds else library.cache()
    shown = [one for one in found if one.is_of(model)]
    if as_json:
        print_json([asdict(one) for one in shown])
        return
    for one in shown:
        click.echo(_worded(one) + (", cleared" if kinds else ""))
    if not shown:
        click.echo("nothing of that is remembered" if kinds or model else "nothing is remembered", err=True)


def _worded(kept: Kept) -> str:
    model = f"  {plain(kept.model)}" if kept.model else ""
    return f"{kept.kind:<11} {kept.count:>9,}  {kept.size_bytes / 1e6:>9,.1f} MB{model}"
