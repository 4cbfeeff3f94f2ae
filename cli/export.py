"""photoseek export."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .common import PATH, json_option, library_at, model_options, print_json
from .console import ProgressLine


@click.command("export", short_help="Write vectors and what is known of their images for other programs.")
@click.option("--parquet", metavar="FILE", type=PATH, help="One Parquet file; needs the extra [parquet].")
@click.option("--npy", metavar="DIR", type=PATH, help="vectors.npy, and images.jsonl with a line for each of its rows.")
@click.option("--force", is_flag=True, help="Replace such files where they are there already.")
@model_options
@json_option
def export_command(
    *, parquet: Path | None, npy: Path | None, force: bool, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """Write the library's vectors, with what is known of their images, for other programs to read."""
    if parquet is None and npy is None:
        raise click.UsageError("say where to: --parquet FILE, --npy DIR, or both")
    counts: dict[str, int] = {}
    with library_at(folder, model) as library:
        if parquet is not None:
            with ProgressLine(sys.stderr, verb="exported") as line:
                counts[str(parquet)] = library.export_parquet(parquet, replace=force, progress=line.told)
        if npy is not None:
            with ProgressLine(sys.stderr, verb="exported") as line:
                counts[str(npy)] = library.export_npy(npy, replace=force, progress=line.told)
    if as_json:
        print_json(counts)
        return
    for place, count in counts.items():
        click.echo(f"{count:,} images exported to {place}", err=True)
