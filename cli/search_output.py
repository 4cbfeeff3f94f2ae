"""How answers of `photoseek search` leave it: lines, reranked or batched, files, and images in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from ..library.errors import EmptyPath, ImageUnreadable, PhotoseekError, QueryError
from .common import PATH, hit_fields, print_hit, print_json
from .console import plain

if TYPE_CHECKING:
    from ..api import Library
    from ..library.types import Hit, ImageRecord
    from ..rerank.base import RerankedHit, RerankResult
    from ..search.query.query import Query

_Command = TypeVar("_Command", bound=Callable[..., None])
_SHOWN_PX = 240


def result_options(command: _Command) -> _Command:
    """Add --csv, --html, --sheet, --force and --show."""
    for option in (
        click.option("--force", is_flag=True, help="Replace such files where they are there already."),
        click.option("--show", is_flag=True, help="Show the pictures in the terminal: kitty, iTerm2, sixel."),
        click.option("--sheet", metavar="FILE", type=PATH, help="Draw the answers into a .jpg, .png or .webp."),
        click.option("--html", metavar="FILE", type=PATH, help="Write a page with the pictures in it."),
        click.option("--csv", metavar="FILE", type=PATH, help="Write a table, a row for each answer."),
    ):
        command = option(command)
    return command


def folded(library: Library, hits: Sequence[Hit]) -> tuple[list[Hit], dict[int, tuple[Hit, ...]]]:
    """Return the hits that are no near-duplicates of one before them, and by their ids those that are of them."""
    stacks = library.fold(hits)
    return [stack.hit for stack in stacks], {stack.hit.image.id: stack.duplicates for stack in stacks}


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The files that answers are to be written to, and whether what is there may be replaced."""

    csv: Path | None
    html: Path | None
    sheet: Path | None
    force: bool

    def __bool__(self) -> bool:
        return bool(self.csv or self.html or self.sheet)

    def check(self, library: Library) -> None:
        """Refuse them before anything is searched.

        Raises:
            ExportFailed: one of them is there and not to be replaced, or is an image of the library.
        """
        given = [file for file in (self.csv, self.html, self.sheet) if file is not None]
        if given:
            library.check_targets(given, replace=self.force)

    def write(self, library: Library, title: str, hits: Sequence[Hit], fields: Sequence[Mapping[str, object]]) -> None:
        """Write those that were asked for; `fields` are further columns of the table, by hit.

        Raises:
            ExportFailed: one of them cannot be written.
        """
        if self.csv is not None:
            library.export_csv(hits, self.csv, replace=self.force, fields=fields)
        if self.html is not None:
            library.export_html(hits, self.html, title=title, replace=self.force)
        if self.sheet is not None:
            library.export_sheet(hits, self.sheet, title=title, replace=self.force)


def shower() -> Callable[[Path], None]:
    """Return what shows a picture on this terminal; says so once, and does nothing, where none can be shown."""
    from ..library.settings import terminal_graphics
    from ..search.thumbnails import inline_image, thumbnail

    graphics = terminal_graphics() if sys.stdout.isatty() else None
    if graphics is None:
        click.echo("this terminal shows no pictures: try --sheet FILE or --html FILE", err=True)
        return _show_nothing

    def show(path: Path) -> None:
        click.echo(inline_image(thumbnail(path, _SHOWN_PX), graphics), nl=False)

    return show


def _show_nothing(_path: Path) -> None:
    pass


_AT_ONCE = 64
"""Questions that share one pass of the model: more are hardly faster, and would hold more answers in memory."""


_OF_A_LINE = (QueryError, ImageUnreadable, EmptyPath)
"""Errors that one question of many is to blame for."""


@dataclass(frozen=True, slots=True)
class Question:
    """A line of a file of questions: its words, what they ask, and where it stands."""

    words: str
    query: Query
    place: str


def _at(place: str, error: PhotoseekError) -> QueryError:
    return QueryError(f"{place}: {error}")


def read_batch(file: TextIO, query_of: Callable[[str], Query]) -> list[Question]:
    """Return the question of each line that is not empty.

    Raises:
        QueryError: a line cannot be asked, or the file is no text; the error names the line.
    """
    questions: list[Question] = []
    try:
        for number, line in enumerate(file, start=1):
            words = line.strip()
            if not words:
                continue
            try:
                questions.append(Question(words, query_of(words), f"{file.name}, line {number}"))
            except _OF_A_LINE as error:
                raise _at(f"{file.name}, line {number}", error) from error
    except UnicodeDecodeError as error:
        message = f"{file.name} is no text in UTF-8: save it as such"
        raise QueryError(message) from error
    return questions


def print_batch(library: Library, questions: Sequence[Question], *, fold: bool, as_json: bool) -> None:
    """Print each question with its answers: for people as they come, for programs as one array of {query, hits}."""
    answers: list[dict[str, object]] = []
    for words, hits in _answered(library, questions):
        shown, alike = folded(library, hits) if fold else (hits, {})
        if as_json:
            answers.append({"query": words, "hits": [hit_fields(hit, alike if fold else None) for hit in shown]})
            continue
        click.echo(plain(words))
        for hit in shown:
            print_hit(hit, len(alike.get(hit.image.id, ())))
        click.echo()
    if as_json:
        print_json(answers)


def _answered(library: Library, questions: Sequence[Question]) -> Iterator[tuple[str, list[Hit]]]:
    for start in range(0, len(questions), _AT_ONCE):
        some = questions[start : start + _AT_ONCE]
        try:
            found = library.search_many([one.query for one in some])
        except _OF_A_LINE:
            found = [_answer(library, one) for one in some]  # one by one: which of them was it?
        yield from ((one.words, hits) for one, hits in zip(some, found, strict=True))


def _answer(library: Library, question: Question) -> list[Hit]:
    try:
        return library.search(question.query)
    except _OF_A_LINE as error:
        raise _at(question.place, error) from error


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a judge said of hits, by image id, and why it said nothing of others."""

    by_image: Mapping[int, RerankedHit] = field(default_factory=dict)
    reasons: Mapping[int, str] = field(default_factory=dict)

    def fields(self, hit: Hit) -> dict[str, object]:
        """Return what reranking adds to a hit in JSON and in a table; nothing where there was none."""
        refined = self.by_image.get(hit.image.id)
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
            "not_judged": None if judgement is not None else self.reasons.get(hit.image.id),
        }


def print_listed(images: Sequence[ImageRecord], *, as_json: bool) -> None:
    """Print images that were not scored: when they were taken, where that is known, and their paths."""
    if as_json:
        print_json([asdict(image) | {"path": str(image.path)} for image in images])
        return
    for image in images:
        taken = "-" if image.taken_at is None else f"{image.taken_at:%Y-%m-%d %H:%M}"
        click.echo(f"{taken:<16}  {plain(str(image.path))}")
    if not images:
        click.echo("no images: none matches the filter", err=True)


def reranked(refinements: Iterator[RerankResult], query: Query) -> tuple[list[Hit], Verdicts]:
    """Return the best hits after reranking, in the query's order, and what the judge said of each."""
    from ..search.engine import in_order

    latest = _last_of(refinements)
    best = latest.hits[: query.k]
    general = latest.trouble or "the budget was over"
    # Those after the first so many were not to be judged, which is no trouble.
    reasons = {one.hit.image.id: general for one in best if one.rank_before < latest.wanted_count}
    reasons |= {skipped.image.id: skipped.reason for skipped in latest.skipped}
    look = Verdicts({one.hit.image.id: one for one in best}, reasons)
    return in_order([one.hit for one in best], query.sort), look


def _last_of(refinements: Iterator[RerankResult]) -> RerankResult:
    """Wait for the end of a rerank, showing on a terminal how far it has come; say what went wrong with it."""
    from .console import CountLine

    latest = next(refinements)
    with CountLine(sys.stderr, "pictures") as progress:
        for latest in refinements:
            if sys.stderr.isatty():
                progress(latest.judged_count, latest.wanted_count)
    for skipped in latest.skipped:
        click.echo(f"not judged: {plain(str(skipped.image.path))}: {plain(skipped.reason)}", err=True)
    if latest.trouble is not None:
        click.echo(f"the rerank ended early: {plain(latest.trouble)}", err=True)
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
