"""photoseek failures and photoseek info: what a library holds, and what it could not read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ..library.types import Damage
from .console import plain
from .options import json_option, library_at, library_option
from .output import print_json


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
