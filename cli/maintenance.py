"""photoseek info, failures, doctor, remove and prune: what a library holds, whether it is well, and what it forgets."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..library.errors import PhotoseekError
from ..library.types import Damage, Removed
from .common import json_option, library_at, library_option, path_or_id, print_json, wait_option
from .console import ProgressLine, plain

if TYPE_CHECKING:
    from ..library.checks.base import Finding


@click.command("failures")
@click.option("--kept", is_flag=True, help="List the pictures that were kept though damaged instead.")
@library_option
@json_option
def failures_command(*, kept: bool, folder: Path | None, as_json: bool) -> None:
    """List the files that could not be indexed, and why.

    They are tried again when they change, or with `photoseek index --retry-failed`.
    """
    with library_at(folder) as library:
        if kept:
            _print_damages(library.damages(), as_json=as_json)
            return
        failures = library.failures()
    if as_json:
        print_json([asdict(failure) for failure in failures])
        return
    for failure in failures:
        tries = "" if failure.tries == 1 else f" ({failure.tries} tries)"
        click.echo(f"{plain(failure.path)}: {plain(failure.reason)}{tries}")
    if not failures:
        click.echo("no failures", err=True)


def _print_damages(damages: list[Damage], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(damage) for damage in damages])
        return
    for damage in damages:
        click.echo(f"{plain(damage.path)}: {plain(damage.warning)}")
    if not damages:
        click.echo("no damaged pictures", err=True)


@click.command("info")
@library_option
@json_option
def info_command(*, folder: Path | None, as_json: bool) -> None:
    """Say what a library holds."""
    with library_at(folder) as library:
        info = library.info()
    if as_json:
        print_json(asdict(info) | {"folder": str(info.folder)})
        return
    click.echo(f"library   {plain(str(info.folder))}")
    click.echo(
        f"images    {info.images:,}" + (f", and {info.missing:,} whose files are missing" if info.missing else "")
    )
    click.echo(f"failures  {info.failures:,}")
    for row in info.models:
        click.echo(f"model     {plain(row.name)} ({plain(row.key)}): {row.vectors:,} vectors of {row.dim} dimensions")
    click.echo(f"on disk   {info.size_bytes / 1e6:,.1f} MB")


@click.command("doctor", short_help="Check a library, and repair it with --repair.")
@click.option("--repair", is_flag=True, help="Mend what can be mended; otherwise nothing is changed.")
@library_option
@json_option
def doctor_command(*, repair: bool, folder: Path | None, as_json: bool) -> None:
    """Check everything a library must be: its settings, its database, its rows, its vectors and their files.

    Ends with exit code 1 when something is wrong that was not repaired, and 0 otherwise. What is only `noted` changes
    no answer.
    """
    # Not through `library_at`: unreadable settings are a finding too.
    from ..library.doctor import examine
    from ..library.settings import library_folder

    with ProgressLine(sys.stderr, verb="did", unit="check") as line:
        findings = examine(library_folder(folder), repair=repair, progress=line.told)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "repaired" if finding.repaired else "noted" if finding.harmless else "WRONG"
            click.echo(f"{mark}  {finding.check}: {plain(finding.detail)}")
        if not findings:
            click.echo("healthy: everything is as it should be")
    wrong = [finding for finding in findings if not (finding.repaired or finding.harmless)]
    if wrong:
        if not as_json:
            _advise(wrong, repair=repair)
        sys.exit(1)


def _advise(wrong: list[Finding], *, repair: bool) -> None:
    if not repair and not all(finding.by_hand for finding in wrong):
        click.echo("mend what can be mended with: photoseek doctor --repair", err=True)
        return
    click.echo(
        "this takes your own hand, as the line says; a new library always helps: move this one away and index again",
        err=True,
    )


_UNASKED = 20
"""Images that are forgotten without a question; a slip of the hand may name many more."""


@click.command("remove", short_help="Forget images; their files stay.")
@click.argument("paths", metavar="PATH|id:N...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Ask nothing, as scripts want it.")
@wait_option
@library_option
@json_option
def remove_command(
    *, paths: tuple[str, ...], yes: bool, wait_s: float | None, folder: Path | None, as_json: bool
) -> None:
    """Forget the images at or below each PATH, there or not, or by their id. Files are never touched.

    More than 20 images are asked about first, or need --yes. What is still there comes back when its folder is
    indexed again.
    """
    named = [path_or_id(path) for path in paths]
    with library_at(folder, wait_s=wait_s or 0.0) as library:
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
@wait_option
@library_option
@json_option
def prune_command(*, days: float, wait_s: float | None, folder: Path | None, as_json: bool) -> None:
    """Forget the images that `photoseek index` found missing, and what was kept for them.

    Until then a file that comes back is found again without another reading. Run `photoseek index` first: prune does
    not look at the disk.
    """
    with library_at(folder, wait_s=wait_s or 0.0) as library:
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
