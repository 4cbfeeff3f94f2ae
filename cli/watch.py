"""photoseek watch."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, json_option, library_at, model_options
from .output import print_json

if TYPE_CHECKING:
    from ..indexer.report import IndexReport, WatchReport

# What a sync is told for; files that only were looked at again are no news.
_NEWS = ("new", "changed", "moved", "missing", "restored", "failed")


@click.command("watch", short_help="Index images, then follow their folders as they change.")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@model_options
@json_option
def watch_command(*, paths: tuple[Path, ...], folder: Path | None, model: str | None, as_json: bool) -> None:
    """Index the images in PATHS, then follow these folders as they change, until Ctrl-C.

    A disk that is unmounted is waited for. Where the system cannot tell of changes, as on many network drives, all of
    a folder is looked at now and then. Searching and indexing go on beside it.
    """
    from ..indexer.pipeline import IndexOptions
    from ..indexer.watch import WatchOptions

    with library_at(folder, model) as library, _stop_on_signal() as stop:
        report = library.watch(paths, WatchOptions(IndexOptions(stop=stop), on_sync=_tell))
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{_worded(report) or 'nothing new'}, in {report.syncs:,} looks")


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Yield a question that turns true at Ctrl-C, or when asked to end; a second Ctrl-C interrupts at once."""
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(number, previous[signal.Signals(number)])
        # Not through sys.stderr, which may be in the middle of a write of its own.
        os.write(2, b"\nstopping\n")

    previous = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(asked)
    finally:
        for number in numbers:
            signal.signal(number, previous[number])


def _tell(report: IndexReport) -> None:
    if news := _worded(report):
        click.echo(news, err=True)


def _worded(report: IndexReport | WatchReport) -> str:
    return ", ".join(f"{getattr(report, name):,} {name}" for name in _NEWS if getattr(report, name))
