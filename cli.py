"""The command line: one thin function per command, the only prints, and the one place where errors become words."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .library.errors import PhotoseekError
from .library.settings import DEBUG_VARIABLE, is_debugging

# The rest of photoseek is imported by the commands that need it, so that --help and a mistyped option answer at once.
if TYPE_CHECKING:
    from .api import Library
    from .indexer.report import IndexReport
    from .library.types import Hit

_INTERRUPTED = 128 + signal.SIGINT  # what shells report of a program ended by Ctrl-C
_Command = TypeVar("_Command", bound=Callable[..., None])

_PATH = click.Path(path_type=Path)
_library_option = click.option(
    "--library",
    "folder",
    metavar="DIR",
    type=_PATH,
    help="The library's folder, else $PHOTOSEEK_LIBRARY, else one of your own.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON value on stdout.")
_top_option = partial(
    click.option, "-k", "--top", metavar="N", type=click.IntRange(min=1), show_default=True, help="How many, at most."
)


def _model_options(command: _Command) -> _Command:
    model = click.option(
        "--model",
        metavar="NAME",
        help="mini (built in) or an open_clip model as NAME/PRETRAINED; the library's own unless given.",
    )
    return _library_option(model(command))


class _Commands(click.Group):
    """Ends on Ctrl-C as other programs do: quietly, with the exit code that stops a chain of commands."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("photoseek: interrupted", err=True)
            ctx.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photoseek")
def commands() -> None:
    """Find pictures in your own folders by words, by example, or both.

    \b
      photoseek index ~/Pictures
      photoseek search "a dog running on a beach"

    Exit codes: 0 answered, 1 an error told in one line, 2 a mistyped command, 130 interrupted with Ctrl-C.
    """  # noqa: D301 - click reads the backspace as "keep these lines"


@commands.command("index", short_help="Index images, or bring them up to date.")
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option("--retry-failed", is_flag=True, help="Try again the files that failed before, changed or not.")
@click.option("--prune", is_flag=True, help="Believe that a folder which has become empty is meant to be.")
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
    help="Threads that read and decode; one for each core unless given.",
)
@_model_options
@_json_option
def index_command(  # noqa: PLR0913 - one for each option
    *,
    paths: tuple[Path, ...],
    retry_failed: bool,
    prune: bool,
    batch_size: int,
    workers: int | None,
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
    from .console import ProgressLine
    from .indexer.pipeline import IndexOptions

    with _library(folder, model) as library, _stop_on_interrupt() as stop, ProgressLine(sys.stderr) as progress:
        options = IndexOptions(
            batch_size=batch_size,
            workers=workers or os.cpu_count() or 1,
            retry_failed=retry_failed,
            prune=prune,
            stop=stop,
            on_progress=progress,
        )
        report = library.index(paths, options)
    if as_json:
        _print_json(asdict(report))
    else:
        _print_report(report)
    if report.interrupted:
        sys.exit(_INTERRUPTED)


@commands.command("search", short_help="Find the images nearest to words or to a picture.")
@click.argument("text", required=False)
@click.option("--like", metavar="FILE", type=_PATH, help="An example picture; with TEXT given too, both count equally.")
@_top_option(default=20)
@_model_options
@_json_option
def search_command(
    *, text: str | None, like: Path | None, top: int, folder: Path | None, model: str | None, as_json: bool
) -> None:
    """Find the images nearest to TEXT, to an example picture, or to both.

    Each line is a score, at most 1 and higher is better, and an image's path; the best comes first.
    """
    with _library(folder, model) as library:
        hits = library.search(text, like=like, k=top)
    if as_json:
        _print_json([_hit_fields(hit) for hit in hits])
        return
    for hit in hits:
        _print_scored(hit.score, str(hit.image.path))
    if not hits:
        click.echo("no images: there are none in this library", err=True)


@commands.command("describe", short_help="Say in words what an image shows.")
@click.argument("image", type=_PATH)
@_top_option(default=5)
@_model_options
@_json_option
def describe_command(*, image: Path, top: int, folder: Path | None, model: str | None, as_json: bool) -> None:
    """Say in words what IMAGE shows: the nearest labels, best first. Needs no library."""
    with _library(folder, model) as library:
        labels = library.describe(image, k=top)
    if as_json:
        _print_json([asdict(label) for label in labels])
        return
    for label in labels:
        _print_scored(label.score, label.text)


@commands.command("failures")
@_library_option
@_json_option
def failures_command(*, folder: Path | None, as_json: bool) -> None:
    """List the files that could not be indexed, and why.

    They are tried again when they change, or with `photoseek index --retry-failed`.
    """
    from .console import plain

    with _library(folder) as library:
        failures = library.failures()
    if as_json:
        _print_json([asdict(failure) for failure in failures])
        return
    for failure in failures:
        tries = "" if failure.tries == 1 else f" ({failure.tries} tries)"
        click.echo(f"{plain(failure.path)}: {plain(failure.reason)}{tries}")
    if not failures:
        click.echo("no failures", err=True)


@commands.command("info")
@_library_option
@_json_option
def info_command(*, folder: Path | None, as_json: bool) -> None:
    """Say what a library holds."""
    from .console import plain

    with _library(folder) as library:
        info = library.info()
    if as_json:
        _print_json(asdict(info) | {"folder": str(info.folder)})
        return
    click.echo(f"library   {plain(str(info.folder))}")
    click.echo(
        f"images    {info.images:,}" + (f", and {info.missing:,} whose files are missing" if info.missing else "")
    )
    click.echo(f"failures  {info.failures:,}")
    for row in info.models:
        click.echo(f"model     {plain(row.name)} ({plain(row.key)}): {row.vectors:,} vectors of {row.dim} dimensions")
    click.echo(f"on disk   {info.size_bytes / 1e6:,.1f} MB")


@commands.command("demo", short_help="Try it on sample photographs.")
def demo_command() -> None:
    """Index a few sample photographs into a throw-away library and ask it some questions."""
    from .demo import run_demo

    run_demo(click.echo)


def main() -> None:
    """Run the command line; every PhotoseekError becomes one line on stderr and exit code 1."""
    logging.basicConfig(format="photoseek: note: %(message)s", level=logging.WARNING, stream=sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not know every letter of a file's name
    try:
        commands(prog_name="photoseek")
    except PhotoseekError as error:
        _fail(str(error))
    except Exception as error:
        if is_debugging():
            traceback.print_exc()
        _fail(f"unexpected {type(error).__name__}: {error}; {DEBUG_VARIABLE}=1 shows where, please report it")


def _fail(message: str) -> None:
    from .console import plain

    click.echo(f"photoseek: {plain(' '.join(message.split()))}", err=True)
    sys.exit(1)


def _library(folder: Path | None, model: str | None = None) -> Library:
    from .api import open_library

    return open_library(folder, model=model)


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a question that turns true at the first Ctrl-C; the second one interrupts at once."""
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


def _hit_fields(hit: Hit) -> dict[str, object]:
    fields = asdict(hit.image) | {"path": str(hit.image.path)}
    # Id, path and score first: they are what most callers read.
    return {"id": fields.pop("id"), "path": fields.pop("path"), "score": hit.score} | fields


def _print_scored(score: float, text: str) -> None:
    from .console import plain

    click.echo(f"{score:6.3f}  {plain(text)}")


def _print_report(report: IndexReport) -> None:
    counts = asdict(report)
    del counts["interrupted"]
    shown = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count or name == "new"]
    click.echo(", ".join(shown))
    if report.failed or report.still_failing:
        click.echo("list the files that failed with: photoseek failures", err=True)
    if report.interrupted:
        click.echo("stopped before the end: the same command goes on from here", err=True)


def _print_json(value: object) -> None:
    # In ASCII, so that it comes through any terminal, locale and pipe as it is.
    click.echo(json.dumps(value, indent=2, default=_as_json))


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
