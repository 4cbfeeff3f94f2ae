"""photoseek describe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from .options import PATH, json_option, library_at, model_options, top_option
from .output import print_json, print_scored


@click.command("describe", short_help="Say in words what an image shows.")
@click.argument("image", type=PATH)
@top_option(default=5)
@model_options
@json_option
def describe_command(*, image: Path, top: int, folder: Path | None, model: str | None, as_json: bool) -> None:
    """Say in words what IMAGE shows: the nearest labels, best first. Needs no library."""
    with library_at(folder, model) as library:
        labels = library.describe(image, k=top)
    if as_json:
        print_json([asdict(label) for label in labels])
        return
    for label in labels:
        print_scored(label.score, label.text)
