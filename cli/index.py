"""photoseek index and photoseek watch: bring a library up to date, once or as folders live."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import PATH, json_option, library_at, model_options, print_json
from .console import INTERRUPTED, ProgressLine, plain

if TYPE_CHECKING:
    from ..indexer.report import IndexReport, WatchReport


@click.command("index", short_help="Index images, or bring them up to date.")
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--retry-failed", is_flag=True, help="Try again the files that failed before, changed or not.")
@click.option(
    "--prune",
    is_flag=True,
    help="Go on when a folder of known images has become empty: its images are taken to be gone, not unmounted.",
)
@click.option(
    "--places/--no-places",
    default=True,
    show_default=True,
    help="Keep what mini sees at the places of each picture, 8 kB, for a quicker rerank.",
)
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, 4096),
    default=16,
    show_default=True,
    help="Images that go through the model, and are written, together.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Processes that read and decode; one for each core unless given.",
)
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="What one file may take, and a second more for each 4 MB of it.",
)
@model_options
@json_option
def index_command(  # noqa: PLR0913 - one for each option
    *,
    paths: tuple[Path, ...],
    retry_failed: bool,
    prune: bool,
    places: bool,
    batch_size: int,
    workers: int | None,
    timeout_s: float,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Index the images in PATHS, folders or files, or bring them up to date.

    Only what is new or changed is read again. Files that cannot be read are listed by `photoseek failures`, and tried
    again when they change.

    Ctrl-C finishes the batch in flight, keeps all that is done, and ends with exit code 130; the same command goes on
    from there.
    """
    from ..indexer.pipeline import IndexOptions
    from ..library.images.isolation import fitting_workers

    with library_at(folder, model) as library, stop_on_interrupt() as stop, ProgressLine(sys.stderr) as progress:
        options = IndexOptions(
            batch_size=batch_size,
            workers=workers or fitting_workers(),
            timeout_s=timeout_s,
            retry_failed=retry_failed,
            prune=prune,
            keep_places=places,
            stop=stop,
            on_progress=progress,
        )
        report = library.index(paths, options)
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report, paths)
    if report.interrupted:
        sys.exit(INTERRUPTED)


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a question that turns true at the first Ctrl-C; the second one interrupts at once.

    A shell that starts a command in the background has Ctrl-C ignored for it; then it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield lambda: False
        return
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, previous)
        # Not through sys.stderr, which may be in the middle of a write of its own.
        os.write(2, b"\nstopping after this batch; Ctrl-C again stops now\n")

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, previous)


def _print_report(report: IndexReport, paths: Sequence[Path]) -> None:
    counts = asdict(report)
    del counts["interrupted"]
    if not report.interrupted and not any(counts.values()):
        click.echo(f"no pictures found in {', '.join(plain(str(path)) for path in paths)}")
        return
    shown = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count or name == "new"]
    click.echo(", ".join(shown))
    if report.failed or report.still_failing:
        click.echo("list the files that failed with: photoseek failures", err=True)
    if report.interrupted:
        click.echo("stopped before the end: the same command goes on from here", err=True)


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
