"""photoseek verify and photoseek compact: whether the files are what was indexed, and a smaller library."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..indexer.report import Progress
from .common import PATH, json_option, library_at, library_option, print_json
from .console import ProgressLine, plain
from .index import stop_on_signal


@click.command("verify", short_help="Read every file again and compare it with what was indexed.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option("--reread", is_flag=True, help="Have the next index read the files that differ again.")
@library_option
@json_option
def verify_command(*, paths: tuple[Path, ...], reread: bool, folder: Path | None, as_json: bool) -> None:
    """Read the files of the images at or below each PATH, or of all, and compare them with what was indexed.

    `index` believes a file of the same size and date to be the same. This finds what a failing disk, or a program that
    sets dates back, changed all the same. Ends with exit code 1 when a file differs or cannot be read.
    """
    from ..indexer.verify import VerifyOptions

    with (
        library_at(folder) as library,
        stop_on_signal("stopping") as stop,
        ProgressLine(sys.stderr, verb="verified") as line,
    ):
        options = VerifyOptions(reread=reread, stop=stop, on_progress=lambda done, total: line(Progress(done, total)))
        report = library.verify(paths or None, options)
    if as_json:
        print_json(asdict(report))
    else:
        counts = {"same": report.same, "altered": len(report.altered), "unreadable": len(report.unreadable)}
        counts["changed since they were indexed"] = report.outdated
        click.echo(", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "same"))
        for what, found in (("altered", report.altered), ("unreadable", report.unreadable)):
            for path in found:
                click.echo(f"{what}  {plain(path)}", err=True)
        if report.altered and not reread:
            click.echo("restore them from a backup, or have them indexed as they are with --reread", err=True)
    if report.interrupted:
        sys.exit(stop.exit_code)
    if report.altered or report.unreadable:
        sys.exit(1)


@click.command("compact", short_help="Give the disk back what a library no longer needs.")
@library_option
@json_option
def compact_command(*, folder: Path | None, as_json: bool) -> None:
    """Give the disk back what was forgotten: rows that were removed leave their room in the database, and vector files.

    Needs as much free room as the database takes, for a while.
    """
    with library_at(folder) as library:
        before = library.info().size_bytes
        library.compact()
        after = library.info().size_bytes
    if as_json:
        print_json({"before_bytes": before, "after_bytes": after})
        return
    click.echo(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB after")
