"""photoseek remove and photoseek prune: what a library is to forget."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, json_option, library_at, library_option
from .output import print_json


@click.command("remove", short_help="Forget images; their files stay.")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@library_option
@json_option
def remove_command(*, paths: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Forget the images at or below PATHS, there or not. Files are never touched.

    What is still there comes back when its folder is indexed again.
    """
    with library_at(folder) as library:
        count = library.remove(paths)
    _tell(count, "removed", as_json=as_json)


@click.command("prune", short_help="Forget images whose files are gone.")
@click.option(
    "--missing-for",
    "days",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    default=0,
    help="Only those that have been missing for so many days.",
)
@library_option
@json_option
def prune_command(*, days: float, folder: Path | None, as_json: bool) -> None:
    """Forget the images that `photoseek index` found missing, and what was kept for them.

    Until then a file that comes back is found again without another reading. Run `photoseek index` first: prune does
    not look at the disk.
    """
    with library_at(folder) as library:
        count = library.prune(missing_for_days=days)
    _tell(count, "pruned", as_json=as_json)


def _tell(count: int, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({what: count})
    else:
        click.echo(f"{count:,} {what}")
