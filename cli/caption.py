"""photoseek caption."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import INTERRUPTED, ProgressLine, plain
from .index import stop_on_interrupt
from .options import PATH, json_option, library_at, model_options, vlm_option
from .output import print_json

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
    loses nothing, and the same command goes on from there.
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
        stop_on_interrupt() as stop,
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
        sys.exit(INTERRUPTED)


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
