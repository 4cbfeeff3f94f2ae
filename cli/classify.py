"""photoseek classify."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..library.errors import ImageUnreadable
from .console import plain
from .options import PATH, json_option, library_at, model_options
from .output import print_json


@click.command("classify", short_help="Choose among your own labels for each image.")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PATH)
@click.option("--labels", required=True, metavar="A,B,...", help="Two labels or more, with commas between them.")
@model_options
@json_option
def classify_command(
    *, images: tuple[Path, ...], labels: str, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """Choose among your own labels for each IMAGE; the chances sum to 1. Needs no library.

    Files that cannot be read are told of, and end the command with exit code 1 when the others are done.
    """
    unreadable: list[ImageUnreadable] = []
    with library_at(folder, model) as library:
        answers = library.classify(images, labels.split(","), on_unreadable=unreadable.append)
    if as_json:
        print_json([{"path": str(one.path), "labels": [asdict(label) for label in one.labels]} for one in answers])
    else:
        for one in answers:
            chances = ", ".join(f"{label.text} {label.probability:.0%}" for label in one.labels)
            click.echo(f"{plain(str(one.path))}: {plain(chances)}")
    for error in unreadable:
        click.echo(f"photoseek: {plain(str(error))}", err=True)
    if unreadable:
        sys.exit(1)
