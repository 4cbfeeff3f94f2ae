"""photoseek duplicates."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..indexer.report import Progress
from .common import json_option, library_at, model_options, print_json
from .console import ProgressLine, plain


@click.command("duplicates", short_help="List images of which one is enough.")
@click.option("--exact", is_flag=True, help="Only files that are the same to the byte.")
@click.option(
    "--score", metavar="S", type=click.FloatRange(0, 1, min_open=True), help="Cosine that makes duplicates by itself."
)
@click.option("--bits", metavar="N", type=click.IntRange(0, 64), help="Bits of 64 in which copies' hashes may differ.")
@model_options
@json_option
def duplicates_command(
    *, exact: bool, score: float | None, bits: int | None, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """List groups of images of which one is enough, the best of each first: most pixels, then oldest.

    Files that are the same to the byte, and pictures that are alike: resized, compressed again, retouched, mirrored.
    Nothing is deleted.
    """
    from ..search.duplicates import MOST_HASH_BITS, SURE_SCORE, DuplicateOptions
    from ..search.export import record_fields

    options = DuplicateOptions(
        near=not exact,
        sure_score=SURE_SCORE if score is None else score,
        most_hash_bits=MOST_HASH_BITS if bits is None else bits,
    )
    with library_at(folder, model) as library, ProgressLine(sys.stderr, verb="compared") as line:
        groups = library.duplicates(options, progress=lambda done, total: line(Progress(done, total)))
    if as_json:
        print_json(
            [{"kind": group.kind, "images": [record_fields(image) for image in group.images]} for group in groups]
        )
        return
    for group in groups:
        click.echo(f"{len(group.images)} {group.kind}")
        for image in group.images:
            click.echo(f"  {image.width}x{image.height}  {plain(str(image.path))}")
    if not groups:
        click.echo("no duplicates", err=True)
