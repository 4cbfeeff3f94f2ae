"""photoseek index and photoseek watch: bring a library up to date, once or as folders live."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import PATH, json_option, library_at, model_options, print_json, wait_option
from .console import INTERRUPTED, TERMINATED, ProgressLine, plain

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
@wait_option
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
    wait_s: float | None,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Index the images in PATHS, folders or files, or bring them up to date.

    Only what is new or changed is read again. Files that cannot be read are listed by `photoseek failures`, and tried
    again when they change.

    Ctrl-C finishes the batch in flight, keeps all that is done, and ends with exit code 130, as SIGTERM does with 143;
    the same command goes on from there.
    """
    from ..indexer.pipeline import IndexOptions
    from ..library.images.isolation import fitting_workers

    with (
        library_at(folder, model, wait_s=wait_s or 0.0) as library,
        stop_on_signal() as stop,
        ProgressLine(sys.stderr) as progress,
    ):
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
        sys.exit(stop.exit_code)


@dataclass(slots=True)
class Stop:
    """Whether the command was asked to end, and by what; called as the question it is."""

    number: int | None = None

    def __call__(self) -> bool:
        """Whether it was."""
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """What a command ends with that stopped because it was asked to."""
        return TERMINATED if self.number == signal.SIGTERM else INTERRUPTED


@contextmanager
def stop_on_signal(note: str = "stopping after this batch; Ctrl-C again stops now") -> Iterator[Stop]:
    """Yield a question that turns true, with a note, at the first Ctrl-C or SIGTERM; the second ends it at once.

    A shell that starts a command in the background has Ctrl-C ignored for it; then it stays so.
    """
    stop = Stop()
    previous = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }

    def heed(number: int, _frame: object) -> None:
        stop.number = number
        signal.signal(number, previous[signal.Signals(number)])
        # Not through sys.stderr, which may be in the middle of a write of its own.
        os.write(2, f"\n{note}\n".encode())

    for number in previous:
        signal.signal(number, heed)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print_report(report: IndexReport, paths: Sequence[Path]) -> None:
    counts = asdict(report)
    del counts["interrupted"]
    hidden = counts.pop("hidden")
    if not report.interrupted and not any(counts.values()):
        click.echo(f"no pictures found in {', '.join(plain(str(path)) for path in paths)}")
        return
    shown = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count or name == "new"]
    click.echo(", ".join(shown))
    if hidden:
        folders = "1 hidden folder" if hidden == 1 else f"{hidden:,} hidden folders"
        click.echo(f"passed by: {folders}; name one to index it", err=True)
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
    """Index the images in PATHS, then follow these folders as they change, until Ctrl-C or SIGTERM.

    A disk that is unmounted is waited for. Where the system cannot tell of changes, as on many network drives, all of
    a folder is looked at now and then. Searching and indexing go on beside it.
    """
    from ..indexer.pipeline import IndexOptions
    from ..indexer.watch import WatchOptions

    with library_at(folder, model) as library, stop_on_signal("stopping") as stop:
        report = library.watch(paths, WatchOptions(IndexOptions(stop=stop), on_sync=_tell))
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{_worded(report) or 'nothing new'}, in {report.syncs:,} looks")
    if stop():
        sys.exit(stop.exit_code)


def _tell(report: IndexReport) -> None:
    if news := _worded(report):
        click.echo(news, err=True)


def _worded(report: IndexReport | WatchReport) -> str:
    return ", ".join(f"{getattr(report, name):,} {name}" for name in _NEWS if getattr(report, name))
