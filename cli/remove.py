"""photoseek remove and photoseek prune: what a library is to forget."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..library.errors import PhotoseekError
from ..library.types import Removed
from .options import json_option, library_at, library_option, path_or_id
from .output import print_json

_UNASKED = 20
"""Images that are forgotten without a question; a slip of the hand may name many more."""


@click.command("remove", short_help="Forget images; their files stay.")
@click.argument("paths", metavar="PATH|id:N...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Ask nothing, as scripts want it.")
@library_option
@json_option
def remove_command(*, paths: tuple[str, ...], yes: bool, folder: Path | None, as_json: bool) -> None:
    """Forget the images at or below each PATH, there or not, or by their id. Files are never touched.

    More than 20 images are asked about first, or need --yes. What is still there comes back when its folder is
    indexed again.
    """
    named = [path_or_id(path) for path in paths]
    with library_at(folder) as library:
        if not yes and (count := library.would_remove(named).images) > _UNASKED:
            _ask(count)
        removed = library.remove(named)
    _tell(removed, "removed", as_json=as_json)


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
        removed = library.prune(missing_for_days=days)
    _tell(removed, "pruned", as_json=as_json)


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        message = f"this would forget {_counted(count, 'image')}: say --yes if it is to; nothing was removed"
        raise PhotoseekError(message)
    if not click.confirm(f"Forget {_counted(count, 'image')}? Their files stay.", err=True):
        raise PhotoseekError("nothing was removed")


def _tell(removed: Removed, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({what: removed.images, "failures": removed.failures})
        return
    failures = f", {_counted(removed.failures, 'failure')} forgotten" if removed.failures else ""
    click.echo(f"{_counted(removed.images, 'image')} {what}{failures}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
