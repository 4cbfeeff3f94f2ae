"""photoseek caption and photoseek ask: what a vision-language model says of images."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import PATH, json_option, library_at, library_option, model_options, print_json, vlm_option
from .console import ProgressLine, plain
from .index import stop_on_signal

if TYPE_CHECKING:
    from ..rerank.captioning import CaptionReport


@click.command("caption", short_help="Have a vision-language model put images into words.")
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--all", "everything", is_flag=True, help="Every image of the library.")
@click.option("--where", metavar="FILTER", help="Only images that match, as for search.")
@click.option("--force", is_flag=True, help="Write anew what is there.")
@click.option("--language", metavar="TAG", default="en", show_default=True, help="en, de, pt-BR, ...")
@click.option("--style", type=click.Choice(["caption", "alt-text"]), default="caption", show_default=True)
@vlm_option
@model_options
@json_option
def caption_command(  # noqa: PLR0913 - one for each option
    *,
    paths: tuple[Path, ...],
    everything: bool,
    where: str | None,
    force: bool,
    language: str,
    style: str,
    vlm: str | None,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Caption the library's images at or below PATHS, or --all, that lack a caption by this model.

    Captions are embedded, and searched by `photoseek describe --texts`. Each batch is kept at once: Ctrl-C, or worse,
    loses nothing, and the same command goes on from there. Where every image fails, the exit code is 1.
    """
    from ..indexer.report import Progress
    from ..rerank.base import CaptionStyle
    from ..rerank.captioning import CaptionOptions
    from ..search.query.filters import parse_filter

    if bool(paths) == everything and not (where and not paths):
        raise click.UsageError("say which images: PATHS, or --all")
    condition = None if where is None else parse_filter(where)
    with (
        library_at(folder, model, vlm) as library,
        stop_on_signal() as stop,
        ProgressLine(sys.stderr, verb="captioned") as line,
    ):
        options = CaptionOptions(
            where=condition,
            force=force,
            style=CaptionStyle(style, language),
            stop=stop,
            on_progress=lambda done, total: line(Progress(done, total)),
        )
        report = library.caption(paths or None, options)
    _tell(report, as_json=as_json)
    if report.interrupted:
        sys.exit(stop.exit_code)
    if report.failed and not (report.captioned or report.remembered):
        sys.exit(1)


def _tell(report: CaptionReport, *, as_json: bool) -> None:
    failed = [{"path": str(one.image.path), "reason": one.reason} for one in report.failed]
    if as_json:
        print_json(asdict(report) | {"failed": failed})
        return
    counts = {"captioned": report.captioned, "remembered": report.remembered, "unchanged": report.unchanged}
    shown = [f"{count:,} {name}" for name, count in counts.items() if count or name == "captioned"]
    click.echo(", ".join([*shown, f"{len(failed):,} failed"] if failed else shown))
    for one in failed:
        click.echo(f"not captioned: {plain(one['path'])}: {plain(one['reason'])}", err=True)
    if report.interrupted:
        click.echo("stopped before the end: the same command goes on from here", err=True)


@click.command("ask", short_help="Ask a vision-language model about a picture.")
@click.argument("image", metavar="IMAGE")
@click.argument("question", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Ask anew what was answered before.")
@vlm_option
@library_option
@json_option
def ask_command(
    *, image: str, question: tuple[str, ...], force: bool, vlm: str | None, folder: Path | None, as_json: bool
) -> None:
    """Ask a vision-language model a QUESTION about one IMAGE: a file, or id:N for one of the library's images.

    An answer is kept, so that the same question about the same picture is answered at once. Needs no library.
    """
    from ..search.query.arithmetic import parse_image
    from ..search.query.query import KnownImage, Picture

    words = " ".join(question)
    subject = parse_image(image)
    if not isinstance(subject, KnownImage | Picture):
        raise click.UsageError("IMAGE is a file, or id:N for one of the library's images")
    with library_at(folder, judge=vlm) as library:
        picture = subject.image_id if isinstance(subject, KnownImage) else subject.path
        answer = library.ask(picture, words, force=force)
    if as_json:
        print_json({"image": image, "question": words, "answer": answer})
        return
    click.echo(plain(answer))
