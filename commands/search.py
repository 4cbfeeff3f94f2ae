"""photoseek search."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, json_option, library_at, model_options, top_option
from .output import hit_fields, print_json, print_scored
from .results import result_options, shower, write_results


@click.command("search", short_help="Find the images nearest to words or to a picture.")
@click.argument("text", required=False)
@click.option("--like", metavar="FILE", type=PATH, help="An example picture; with TEXT given too, both count equally.")
@top_option(default=20)
@result_options
@model_options
@json_option
def search_command(  # noqa: PLR0913 - one for each option
    *,
    text: str | None,
    like: Path | None,
    top: int,
    csv: Path | None,
    html: Path | None,
    sheet: Path | None,
    show: bool,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Find the images nearest to TEXT, to an example picture, or to both.

    Each line is a score, at most 1 and higher is better, and an image's path; the best comes first.
    """
    with library_at(folder, model) as library:
        hits = library.search(text, like=like, k=top)
    if csv or html or sheet:
        write_results(text or f"like {like}", hits, csv, html, sheet)
    if as_json:
        print_json([hit_fields(hit) for hit in hits])
        return
    show_picture = shower() if show and hits else None
    for hit in hits:
        print_scored(hit.score, str(hit.image.path))
        if show_picture is not None:
            show_picture(hit.image.path)
    if not hits:
        click.echo("no images: there are none in this library", err=True)
