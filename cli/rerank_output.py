"""How a second look is shown: its progress while it goes on, and what each hit got from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .console import plain

if TYPE_CHECKING:
    from ..library.types import Hit
    from ..rerank.base import RerankedHit, RerankResult
    from ..search.query.query import Query


def reranked(refinements: Iterator[RerankResult], query: Query) -> tuple[list[Hit], dict[int, RerankedHit]]:
    """Return the best hits after a second look, in the query's order, and by image id what each got from it."""
    from ..search.engine import in_order

    best = _last_of(refinements).hits[: query.k]
    return in_order([one.hit for one in best], query.sort), {one.hit.image.id: one for one in best}


def _last_of(refinements: Iterator[RerankResult]) -> RerankResult:
    """Wait for the end of a second look, showing on a terminal how far it has come; say what went wrong with it."""
    from .console import CountLine

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


def print_reranked(refined: RerankedHit, alike_count: int = 0) -> None:
    """Print a hit: its chance by both looks, by the first and by the second, its path, and how many are like it."""
    second = "   -" if refined.judgement is None else f"{refined.judgement.probability:4.0%}"
    notes = "  vetoed" if refined.vetoed else ""
    notes += f"  (+{alike_count:,} alike)" if alike_count else ""
    first = refined.hit.probability or 0.0
    click.echo(f"{refined.score:6.3f}  {first:4.0%} {second}  {plain(str(refined.hit.image.path))}{notes}")


def rerank_fields(refined: RerankedHit | None) -> dict[str, object]:
    """Return what a second look adds to a hit's JSON; nothing where there was none."""
    if refined is None:
        return {}
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
