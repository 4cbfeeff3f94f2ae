"""photoseek search."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .looking import last_of, print_refined, refined_fields
from .options import json_option, judge_option, library_at, model_options, top_option
from .output import hit_fields, print_json, print_scored
from .results import result_options, shower, write_results

if TYPE_CHECKING:
    from ..library.types import Hit
    from ..search.query import Query, Term, Threshold
    from ..search.rerank.base import RefinedHit, Refinement


_UNITS_S = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0, "m": 60.0}


def _budget(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Read a length of time, such as 2s, 500ms or 1.5."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", value.strip())
    if found is None or found[2] not in _UNITS_S:
        message = f"{value!r} is no length of time such as 2s, 500ms or 1min"
        raise click.BadParameter(message)
    return float(found[1]) * _UNITS_S[found[2]]


def _threshold(_context: click.Context, _option: click.Parameter, value: str | None) -> Threshold:
    if value is None or value == "auto":
        return "auto" if value else None
    try:
        return float(value)
    except ValueError as error:
        message = f"{value!r} is neither a score nor auto"
        raise click.BadParameter(message) from error


@click.command("search", short_help="Find the images nearest to words, to pictures, or to both.")
@click.argument("text", nargs=-1)
@click.option("--like", metavar="FILE|URL|id:N", multiple=True, help="An example picture; may be repeated.")
@click.option("--not", "avoid", metavar="TEXT", multiple=True, help="What to keep away from; may be repeated.")
@click.option("--not-like", metavar="FILE|URL|id:N", multiple=True, help="A picture to keep away from.")
@click.option(
    "--weight",
    metavar="W",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much TEXT counts beside each --like.",
)
@click.option("--where", metavar="FILTER", help="Only images that match: \"width > 2000 and path ~ '*/Trips/*'\".")
@click.option(
    "--threshold", metavar="SCORE|auto", callback=_threshold, help="End the list at this score, or where matches end."
)
@click.option(
    "--sort",
    type=click.Choice(["score", "newest", "oldest"]),
    default="score",
    show_default=True,
    help="The order of the best N.",
)
@top_option(default=20)
@click.option(
    "--rerank",
    "depth",
    metavar="N",
    type=click.IntRange(min=1),
    help="Look again at the first N hits, and put them in a better order.",
)
@click.option("--budget", "budget_s", metavar="TIME", callback=_budget, help="End --rerank after 2s, 500ms, 1min ...")
@judge_option
@result_options
@model_options
@json_option
def search_command(  # noqa: PLR0913 - one for each option
    *,
    text: tuple[str, ...],
    like: tuple[str, ...],
    avoid: tuple[str, ...],
    not_like: tuple[str, ...],
    weight: float,
    where: str | None,
    threshold: Threshold,
    sort: str,
    top: int,
    depth: int | None,
    budget_s: float | None,
    judge: str | None,
    csv: Path | None,
    html: Path | None,
    sheet: Path | None,
    show: bool,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Find the images nearest to TEXT, to example pictures, or to both.

    TEXT may be a sum of words and pictures, with weights: 2:golden retriever + ./pool.jpg - fruit. A sign counts with
    spaces around it and outside double quotes.

    Each line is a score, at most 1 and higher is better, and an image's path; the best comes first. With --rerank, it
    is the fused probability, that of the first look, that of the second, and the path.
    """
    from ..search.filters import parse_filter
    from ..search.query import Query, Sort

    if depth is None and (budget_s is not None or judge is not None):
        raise click.UsageError("--budget and --judge are about a second look: say --rerank N as well")
    condition = None if where is None else parse_filter(where)
    terms = _terms(text, like, avoid, not_like, weight)
    query = Query(terms, condition, top, threshold, Sort(sort))
    refined: dict[int, RefinedHit] = {}
    with library_at(folder, model, judge) as library:
        if depth is None:
            hits = library.search(query)
        else:
            hits, refined = _looked_at_again(library.refine(query, depth=depth, budget_s=budget_s), query)
    if csv or html or sheet:
        write_results(" ".join(text) or "like " + ", ".join(like), hits, csv, html, sheet)
    if as_json:
        print_json([hit_fields(hit) | _refined_fields(hit, refined) for hit in hits])
        return
    show_picture = shower() if show and hits else None
    for hit in hits:
        if hit.image.id in refined:
            print_refined(refined[hit.image.id])
        else:
            print_scored(hit.score, str(hit.image.path))
        if show_picture is not None:
            show_picture(hit.image.path)
    if not hits:
        click.echo(_why_none(query), err=True)


def _looked_at_again(refinements: Iterator[Refinement], query: Query) -> tuple[list[Hit], dict[int, RefinedHit]]:
    """Return the best hits after a second look, in the query's order, and by image id what each got from it."""
    from ..search.engine import in_order

    best = last_of(refinements).hits[: query.k]
    return in_order([one.hit for one in best], query.sort), {one.hit.image.id: one for one in best}


def _refined_fields(hit: Hit, refined: Mapping[int, RefinedHit]) -> dict[str, object]:
    return refined_fields(refined[hit.image.id]) if refined else {}


def _terms(
    text: tuple[str, ...], like: tuple[str, ...], avoid: tuple[str, ...], not_like: tuple[str, ...], weight: float
) -> tuple[Term, ...]:
    from ..search.arithmetic import parse_terms, read_picture
    from ..search.query import Term, Words

    summed = parse_terms(" ".join(text)) if text else ()
    return (
        *(Term(term.subject, term.weight * weight) for term in summed),
        *(Term(read_picture(name)) for name in like),
        *(Term(Words(words), -1.0) for words in avoid),
        *(Term(read_picture(name), -1.0) for name in not_like),
    )


def _why_none(query: Query) -> str:
    """Say why there is no answer, as far as the question tells."""
    if query.threshold == "auto":
        return "nothing here matches" + (
            "" if query.where is None else " among the images that the filter lets through"
        )
    if query.threshold is not None:
        return "no images: none scores as high as the threshold"
    if query.where is not None:
        return "no images: none matches the filter"
    return "no images: there are none in this library"
