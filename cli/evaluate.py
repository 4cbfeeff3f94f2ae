"""photoseek eval."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..indexer.report import Progress
from .common import PATH, json_option, judge_option, library_at, model_options, print_json
from .console import ProgressLine, plain

if TYPE_CHECKING:
    from ..rerank.fusion_fit import FusionFit
    from ..search.evaluate import Difference, Evaluation, Figure


@click.command("eval", short_help="Measure how well labelled queries find their images.")
@click.argument("queries", type=PATH)
@click.option("--against", metavar="NAME", help="Another model of the library, to compare with on the same queries.")
@click.option(
    "--rerank",
    "depth",
    metavar="[N]",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=50,
    help="Learn how much judging the first N hits, 50 unless given, helps; search --rerank heeds it.",
)
@judge_option
@model_options
@json_option
def eval_command(  # noqa: PLR0913 - one for each option
    *,
    queries: Path,
    against: str | None,
    depth: int | None,
    judge: str | None,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Measure how well the labelled QUERIES find their images in the library, and the images their texts.

    QUERIES is a .jsonl of {"query", "kind", "relevant": [file, ...]}, a .json of COCO captions, or a .csv of text,path.
    Every figure comes with its 95% bootstrap interval.
    """
    if depth is not None:
        with library_at(folder, model, judge) as library, ProgressLine(sys.stderr, verb="asked") as line:
            tuning = library.tune(queries, depth=depth, progress=lambda done, total: line(Progress(done, total)))
        _tell_tuning(tuning, as_json=as_json)
        return
    with library_at(folder, model) as library:
        first = library.evaluate(queries)
    if against is None:
        if as_json:
            print_json(_fields(first))
        else:
            _print_evaluation(first)
        return
    with library_at(folder, against) as library:
        second = library.evaluate(queries)
    differences = first.compared_with(second)
    if as_json:
        print_json([_fields(first), _fields(second), [asdict(one) for one in differences]])
        return
    for evaluation in (first, second):
        _print_evaluation(evaluation)
    click.echo(f"{plain(second.model)} less {plain(first.model)}")
    _print_rows(differences)


def _tell_tuning(tuning: FusionFit, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(tuning))
        return
    click.echo(f"{plain(tuning.judge)}: {tuning.queries:,} queries, their first {tuning.depth:,} hits judged")
    for name, figure in (("search alone", tuning.first), ("reranked", tuning.second), ("gain", tuning.gain)):
        click.echo(f"{name:<10}  mAP  {figure.mean:6.3f}  [{figure.low:6.3f}, {figure.high:6.3f}]")
    told = "from now on, search --rerank lets it count so much" if tuning.weight else "it does not surely help here"
    click.echo(f"weight      {tuning.weight:.2f}  {told}")


def _fields(evaluation: Evaluation) -> dict[str, object]:
    counts = {name: getattr(evaluation, name) for name in ("model", "images", "unanswerable", "unknown_files")}
    return counts | {"figures": [asdict(figure) for figure in evaluation.figures()]}


def _print_evaluation(evaluation: Evaluation) -> None:
    click.echo(f"{plain(evaluation.model)}: {evaluation.images:,} images")
    if evaluation.unanswerable or evaluation.unknown_files:
        click.echo(
            f"left out: {evaluation.unanswerable:,} queries without a relevant image in the library; "
            f"files named that are not in it: {evaluation.unknown_files:,}",
            err=True,
        )
    _print_rows(evaluation.figures())


def _print_rows(rows: Iterable[Figure | Difference]) -> None:
    for row in rows:
        spread = f"{row.mean:6.3f}  [{row.low:6.3f}, {row.high:6.3f}]"
        click.echo(f"{row.direction}  {plain(row.kind):<10}  {row.measure:<9}  {spread}")
