"""photoseek doctor."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..console import plain
from .options import json_option, library_option
from .output import print_json


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
        if not repair and not as_json:
            click.echo("mend what can be mended with: photoseek doctor --repair", err=True)
        sys.exit(1)
