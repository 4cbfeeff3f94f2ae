"""photoseek search, and why it found nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from .common import (
    hit_fields,
    json_option,
    judge_option,
    library_at,
    model_options,
    print_hit,
    print_json_array,
    read_duration,
    top_option,
)
from .console import plain
from .search_output import (
    ResultFiles,
    Verdicts,
    folded,
    print_batch,
    print_listed,
    print_reranked,
    read_batch,
    reranked,
    result_options,
    shower,
)

if TYPE_CHECKING:
    from ..api import Library
    from ..library.catalog.conditions import Condition
    from ..search.query.query import Query, Term, Threshold


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
    help="The order of the best N: by score, or by the date they were taken; those without a date come last.",
)
@top_option(default=20)
@click.option("--texts", is_flag=True, help="First those whose captions, titles or keywords say the words.")
@click.option("--fold", is_flag=True, help="Show near-duplicates among the best N once, with a count.")
@click.option(
    "--batch",
    metavar="FILE",
    type=click.File(encoding="utf-8-sig"),
    help="Ask every line of a file, or of - for standard input, in place of TEXT.",
)
@click.option(
    "--rerank",
    "depth",
    metavar="N",
    type=click.IntRange(min=1),
    help="Judge the first N hits one by one, and put them in a better order.",
)
@click.option(
    "--budget", "budget_s", metavar="TIME", callback=read_duration, help="End --rerank after 2s, 500ms, 1min ..."
)
@judge_option
@result_options
@model_options
@json_option
def search_command(  # noqa: PLR0912, PLR0913 - one for each option
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
    texts: bool,
    fold: bool,
    batch: TextIO | None,
    depth: int | None,
    budget_s: float | None,
    judge: str | None,
    csv: Path | None,
    html: Path | None,
    sheet: Path | None,
    force: bool,
    show: bool,
    folder: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Find the images nearest to TEXT, to example pictures, or to both; a filter alone lists what it lets through.

    TEXT may be a sum of words and pictures, with weights: 2:golden retriever + ./pool.jpg - fruit. A sign counts with
    spaces around it and outside double quotes.

    Each line is a score, at most 1 and higher is better, and an image's path; the best comes first. With --threshold
    auto, the chance that it is a match stands between them. With --rerank, the chance by both looks comes first, then
    the search's and the judge's.
    """
    from ..search.query.query import Query, Sort

    if depth is None and (budget_s is not None or judge is not None):
        raise click.UsageError("--budget and --judge are about reranking: say --rerank N as well")
    condition = None if where is None else _condition(where)

    def query_of(words: tuple[str, ...]) -> Query:
        return Query(_terms(words, like, avoid, not_like, weight), condition, top, threshold, Sort(sort), texts)

    files = ResultFiles(csv, html, sheet, force)
    if batch is not None:
        if text or files or show or depth:
            message = "--batch takes no TEXT, and --csv, --html, --sheet, --show and --rerank take no --batch"
            raise click.UsageError(message)
        questions = read_batch(batch, lambda line: query_of((line,)))
        with library_at(folder, model) as library:
            print_batch(library, questions, fold=fold, as_json=as_json)
        return
    if condition is not None and not (text or like or avoid or not_like):
        if files or show or depth or texts or fold or threshold is not None:
            raise click.UsageError("--where alone lists images: --csv, --rerank and the like are for a search")
        _list(library_at(folder, model), condition, top, oldest_first=sort == "oldest", as_json=as_json)
        return
    query = query_of(text)
    note_files(query)
    if depth is None and not fold and not files and as_json:
        with library_at(folder, model) as library:
            print_json_array(hit_fields(hit) for hit in library.stream(query))
        return
    verdicts = Verdicts()
    with library_at(folder, model, judge) as library:
        files.check(library)
        if depth is None:
            hits = library.search(query)
        else:
            hits, verdicts = reranked(library.refine(query, depth=depth, budget_s=budget_s), query)
        hits, alike = folded(library, hits) if fold else (hits, {})
        added = [verdicts.fields(hit) for hit in hits]
        files.write(library, " ".join(text) or "like " + ", ".join(like), hits, added)
    if as_json:
        fields = [hit_fields(hit, alike if fold else None) for hit in hits]
        print_json_array(one | more for one, more in zip(fields, added, strict=True))
        return
    show_picture = shower() if show and hits else None
    for hit in hits:
        alike_count = len(alike.get(hit.image.id, ()))
        if hit.image.id in verdicts.by_image:
            print_reranked(verdicts.by_image[hit.image.id], alike_count)
        else:
            print_hit(hit, alike_count)
        if show_picture is not None:
            show_picture(hit.image.path)
    if not hits:
        click.echo(why_none(query), err=True)


def _list(opened: Library, condition: Condition, top: int, *, oldest_first: bool, as_json: bool) -> None:
    with opened as library:
        print_listed(library.newest(top, condition, oldest_first=oldest_first), as_json=as_json)


def _condition(where: str) -> Condition:
    from ..search.query.filters import parse_filter

    return parse_filter(where)


def _terms(
    text: tuple[str, ...], like: tuple[str, ...], avoid: tuple[str, ...], not_like: tuple[str, ...], weight: float
) -> tuple[Term, ...]:
    from ..search.query.arithmetic import parse_image, parse_terms
    from ..search.query.query import Term, Words

    summed = parse_terms(" ".join(text)) if text else ()
    return (
        *(Term(term.subject, term.weight * weight) for term in summed),
        *(Term(parse_image(name)) for name in like),
        *(Term(Words(words), -1.0) for words in avoid),
        *(Term(parse_image(name), -1.0) for name in not_like),
    )


def note_files(query: Query) -> None:
    """Say of words that are also the name of a file here that they were taken as words."""
    from ..search.query.query import Words

    for term in query.terms:
        if isinstance(term.subject, Words) and _is_file(term.subject.text):
            name = plain(term.subject.text)
            option = "--like" if term.weight > 0 else "--not-like"
            click.echo(f"note: {name} is taken as words; the picture of that name is {option} {name}", err=True)


def why_none(query: Query) -> str:
    """Say why there is no answer, as far as the question tells."""
    if query.threshold == "auto":
        return "nothing here matches" + (
            "" if query.where is None else " among the images that the filter lets through"
        )
    if query.threshold is not None:
        return "no images: none scores as high as the threshold"
    if query.where is not None:
        return "no images: none matches the filter" + _text_hint(query.where)
    return "no images: there are none in this library"


def _text_hint(condition: Condition) -> str:
    """Remind of how texts are compared, where some are."""
    from ..library.catalog.conditions import FIELDS, All, Compared, Kind, Matches, Not, OneOf, Some

    match condition:
        case Matches():
            return "; ~ matches the whole text, as in '*/Trips/*'"
        case Compared(field=field) | OneOf(field=field) if FIELDS[field] is Kind.TEXT:
            return "; capital and small letters differ in texts, but for ~"
        case Not(part):
            return _text_hint(part)
        case All(parts) | Some(parts):
            return max((_text_hint(part) for part in parts), key=len)
    return ""


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that no name has
        return False
