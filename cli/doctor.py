"""photoseek doctor."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import plain
from .options import json_option, library_option
from .output import print_json

if TYPE_CHECKING:
    from ..library.checks.base import Finding


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

    findings = examine(library_folder(folder), repair=repair)
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
