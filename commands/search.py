"""photoseek search."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, json_option, library_at, model_options, top_option
from .output import hit_fields, print_json, print_scored


@click.command("search", short_help="Find the images nearest to words or to a picture.")
@click.argument("text", required=False)
@click.option("--like", metavar="FILE", type=PATH, help="An example picture; with TEXT given too, both count equally.")
@top_option(default=20)
@model_options
@json_option
def search_command(
    *, text: str | None, like: Path | None, top: int, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """Find the images nearest to TEXT, to an example picture, or to both.

    Each line is a score, at most 1 and higher is better, and an image's path; the best comes first.
    """
    with library_at(folder, model) as library:
        hits = library.search(text, like=like, k=top)
    if as_json:
        print_json([hit_fields(hit) for hit in hits])
        return
    for hit in hits:
        print_scored(hit.score, str(hit.image.path))
    if not hits:
        click.echo("no images: there are none in this library", err=True)
