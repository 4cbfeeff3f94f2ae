"""How a second look is shown: its progress while it goes on, and what each hit got from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..console import plain

if TYPE_CHECKING:
    from ..search.rerank.base import RefinedHit, Refinement


def last_of(refinements: Iterator[Refinement]) -> Refinement:
    """Wait for the end of a second look, showing on a terminal how far it has come; say what went wrong with it."""
    from ..console import CountLine

    latest = next(refinements)
    with CountLine(sys.stderr, "pictures") as progress:
        for latest in refinements:
            if sys.stderr.isatty():
                progress(latest.judged_count, latest.wanted_count)
    for skipped in latest.skipped:
        click.echo(f"not looked at again: {plain(str(skipped.image.path))}: {plain(skipped.reason)}", err=True)
    if latest.trouble is not None:
        click.echo(f"the second look ended early: {plain(latest.trouble)}", err=True)
    elif latest.judged_count + len(latest.skipped) < latest.wanted_count:
        click.echo(
            f"the budget was enough for {latest.judged_count:,} of {latest.wanted_count:,}: the same search again goes "
            "on from there",
            err=True,
        )
    return latest


def print_refined(refined: RefinedHit) -> None:
    """Print a hit with its fused score, its probability by the first look and that by the second."""
    second = "  -  " if refined.judgement is None else f"{refined.judgement.probability:5.3f}"
    veto = "  vetoed" if refined.vetoed else ""
    first = refined.hit.probability or 0.0
    click.echo(f"{refined.score:6.3f}  {first:5.3f}  {second}  {plain(str(refined.hit.image.path))}{veto}")


def refined_fields(refined: RefinedHit) -> dict[str, object]:
    """Return what a second look adds to a hit's JSON."""
    judgement = refined.judgement
    box = None if judgement is None or judgement.box is None else judgement.box
    return {
        "fused": refined.score,
        "judged": None if judgement is None else judgement.probability,
        "mass": None if judgement is None else judgement.mass,
        "box": None if box is None else [box.left, box.top, box.right, box.bottom],
        "vetoed": refined.vetoed,
        "rank_before": refined.rank_before,
    }
