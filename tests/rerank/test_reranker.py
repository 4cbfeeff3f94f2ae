"""The rerank itself: budgets by a clock of the test's own, what is remembered, vetoes, and what goes wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import photoseek
from photoseek import Library, Query, QueryError, parse_terms
from photoseek.library.catalog.database import Database
from photoseek.library.catalog.vlm_answers import JudgementCatalog, JudgementKey, Remembered
from photoseek.library.lock import writing_lock
from photoseek.library.types import ImageRecord
from photoseek.rerank.base import Judgement, JudgeSpec, RerankResult
from photoseek.rerank.memory import Memory
from photoseek.rerank.reranker import Effort, Questions, Reranker
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import SPEC, ColourJudge, failing

# By mean colour "red" finds these in this order; the judge, which knows but three colours, sees red in a and b alone.
SHADES = {
    "a": (255, 0, 0),
    "b": (250, 100, 0),
    "c": (120, 130, 0),
    "d": (110, 0, 130),
    "e": (90, 0, 150),
    "f": (0, 0, 255),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, shade in SHADES.items():
        paint(tmp_path / "photos" / f"{name}.png", shade)
    return tmp_path / "photos"


@pytest.fixture
def judge() -> ColourJudge:
    return ColourJudge()


@pytest.fixture
def library(tmp_path: Path, photos: Path, judge: ColourJudge) -> Iterator[Library]:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder(), judge=judge) as opened:
        opened.index(photos)
        yield opened


def names(refinement: RerankResult) -> str:
    return "".join(one.hit.image.path.stem for one in refinement.hits)


def test_the_first_order_is_that_of_search_and_comes_before_any_judging(library: Library, judge: ColourJudge) -> None:
    refinements = library.refine("red")
    first = next(refinements)
    assert judge.sizes == []
    assert [one.hit.image.id for one in first.hits] == [hit.image.id for hit in library.search("red")]
    assert (first.judged_count, first.wanted_count, first.is_final) == (0, 6, False)
    assert [one.judgement for one in first.hits] == [None] * 6
    assert [one.rank_before for one in first.hits] == list(range(6))


def test_every_batch_yields_a_better_order(library: Library, judge: ColourJudge) -> None:
    orders = list(library.refine("blue"))
    assert [one.judged_count for one in orders] == [0, 2, 4, 6]
    assert [one.is_final for one in orders] == [False, False, False, True]
    assert judge.sizes == [2, 2, 2]
    assert {one.weight for one in orders} == {0.9}
    judged = {one.hit.image.path.stem: one.judgement for one in orders[-1].hits}
    assert {name for name, judgement in judged.items() if judgement and judgement.probability > 0.5} == set("def")
    assert set(names(orders[-1])[:3]) == set("def")


def test_a_judge_lifts_what_it_says_yes_to(library: Library) -> None:
    *_, last = library.refine("green red")  # the mean of both colours: c comes first, and its mean is green
    assert names(library_first := next(library.refine("green red")))[0] == "c"
    assert library_first.hits[0].rank_before == 0
    assert {one.hit.image.path.stem for one in last.hits[:3]} == set("abc")


def test_only_the_depth_is_judged_and_all_that_was_asked_for_comes_back(library: Library, judge: ColourJudge) -> None:
    *_, last = library.refine(Query(parse_terms("red"), k=6), depth=3)
    assert (last.judged_count, last.wanted_count, len(last.hits)) == (3, 3, 6)
    assert sum(judge.sizes) == 3
    assert len([one for one in last.hits if one.judgement is None]) == 3


def refined(library: Library, judge: ColourJudge, budget_s: float | None, batch_s: float) -> list[RerankResult]:
    """Refine by a clock that moves while the judge judges, and then alone."""
    now = [100.0]

    def pass_time(_size: int) -> None:
        now[0] += batch_s

    judge.before = pass_time
    query = Query(parse_terms("red"))
    memory = Memory(library._handle.store.catalog.judgements, judge.spec)
    reranker = Reranker(judge, memory, 0.5, clock=lambda: now[0])
    return list(
        reranker.refine(library._queries.engine.candidates(query), Questions.of(query), Effort(budget_s=budget_s))
    )


@pytest.mark.parametrize(("budget_s", "judged"), [(0.0, 0), (0.5, 2), (1.0, 2), (1.5, 4), (2.5, 6), (None, 6)])
def test_a_budget_is_overdrawn_by_no_more_than_a_batch(
    library: Library, judge: ColourJudge, budget_s: float | None, judged: int
) -> None:
    orders = refined(library, judge, budget_s, batch_s=1.0)
    assert sum(judge.sizes) == orders[-1].judged_count == judged
    assert [one.is_final for one in orders] == [False] * (len(orders) - 1) + [True]


def test_what_was_judged_is_judged_once(library: Library, judge: ColourJudge) -> None:
    *_, last = refined(library, judge, 1.0, batch_s=1.0)
    assert sum(judge.sizes) == 2
    again = refined(library, judge, 0.0, batch_s=1.0)
    assert sum(judge.sizes) == 2
    assert [one.judged_count for one in again] == [0, 2]
    assert again[-1].cached_count == 2
    assert again[-1].hits == last.hits
    rest = refined(library, judge, None, batch_s=1.0)
    assert sum(judge.sizes) == 6
    assert [one.judged_count for one in rest] == [0, 2, 4, 6]
    assert refined(library, judge, None, batch_s=1.0)[-1].cached_count == 6
    assert sum(judge.sizes) == 6


@pytest.mark.parametrize("changed", [replace(SPEC, key="colour-judge@2"), replace(SPEC, prompt_version="2")])
def test_another_model_or_wording_asks_again(library: Library, judge: ColourJudge, changed: JudgeSpec) -> None:
    list(library.refine("red"))
    judge.spec = changed
    *_, last = library.refine("red")
    assert last.cached_count == 0
    assert sum(judge.sizes) == 12


def test_another_query_asks_again_and_copies_are_judged_once(
    library: Library, judge: ColourJudge, photos: Path
) -> None:
    (photos / "copy.png").write_bytes((photos / "a.png").read_bytes())
    library.index(photos)
    *_, last = library.refine("red")
    assert (last.judged_count, sum(judge.sizes)) == (7, 6)
    *_, last = library.refine("a red thing")
    assert (last.judged_count, sum(judge.sizes)) == (7, 12)


def test_a_picture_that_cannot_be_read_is_skipped_and_said(library: Library, judge: ColourJudge, photos: Path) -> None:
    (photos / "a.png").unlink()
    (photos / "b.png").write_bytes(b"no picture any more")
    paint(photos / "c.png", "green")
    *_, last = library.refine("red")
    assert {one.image.path.name: one.reason for one in last.skipped} == {
        "a.png": "cannot be read: No such file or directory",
        "b.png": "has changed since it was indexed: run `photoseek index` again",
        "c.png": "has changed since it was indexed: run `photoseek index` again",
    }
    assert (last.judged_count, last.is_final, len(last.hits)) == (3, True, 6)


def test_a_judge_that_fails_ends_the_look_and_what_it_said_stands(library: Library, judge: ColourJudge) -> None:
    judge.before = failing(after=2)
    *_, last = library.refine("red")
    assert last.trouble == "model colours cannot be loaded: its server is gone; start it"
    assert (last.judged_count, last.is_final) == (4, True)
    judge.before = lambda _size: None
    *_, last = library.refine("red")
    assert (last.judged_count, last.cached_count, last.trouble) == (6, 4, None)


def test_what_is_to_be_kept_away_from_is_vetoed(library: Library, judge: ColourJudge) -> None:
    *_, last = library.refine(Query(parse_terms("blue - red")))
    assert {one.hit.image.path.stem for one in last.hits if one.vetoed} == set("ab")
    assert set(names(last)[-2:]) == set("ab")
    assert sum(judge.sizes) == 12


def test_an_undecided_judge_vetoes_nothing(
    library: Library, judge: ColourJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probability above a half with no mass behind it is what "I cannot tell" comes to."""

    def undecided(images: Sequence[Image.Image], query: str) -> list[Judgement]:
        return [Judgement(0.95, mass=0.0 if query == "blue" else 0.9) for _ in images]

    monkeypatch.setattr(judge, "judge", undecided)
    *_, last = library.refine(Query(parse_terms("red - blue")))
    assert [one.vetoed for one in last.hits] == [False] * 6


def test_several_things_looked_for_are_all_judged(library: Library, judge: ColourJudge) -> None:
    *_, last = library.refine(Query(parse_terms("3:red + blue")))
    judgement = last.hits[0].judgement
    assert sum(judge.sizes) == 12
    assert judgement is not None
    assert judgement.probability == pytest.approx(1 / (1 + 19**-0.5))  # log-odds of 19 and 1/19, three to one


def test_pictures_alone_are_nothing_to_judge(library: Library, photos: Path, judge: ColourJudge) -> None:
    with pytest.raises(QueryError, match="nothing to judge in words"):
        library.refine(Query(parse_terms(str(photos / "a.png"))))
    *_, last = library.refine(Query(parse_terms(f"{photos}/a.png + red")))
    assert last.judged_count == 6
    with pytest.raises(QueryError, match="at least 1"):
        library.refine("red", depth=0)
    with pytest.raises(QueryError, match="budget"):
        library.refine("red", budget_s=-1.0)


def test_an_effort_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(QueryError, match="reranking 0 hits was asked for: ask for at least 1"):
        Effort(depth=0)
    for budget_s in (-0.1, float("nan")):
        with pytest.raises(QueryError, match="seconds is no budget: give 0 or more"):
            Effort(budget_s=budget_s)
    assert Effort(depth=1, budget_s=0.0).budget_s == 0.0


def test_an_empty_answer_is_final_at_once(library: Library) -> None:
    query = Query(parse_terms("red"), where=photoseek.parse_filter("width > 9000"))
    assert [(one.hits, one.is_final) for one in library.refine(query)] == [((), True)]


def test_judging_goes_on_while_another_process_writes(library: Library, judge: ColourJudge) -> None:
    with writing_lock(library.folder, "index"):
        list(library.refine("red"))
        *_, last = library.refine("red")
    assert (last.cached_count, sum(judge.sizes)) == (6, 6)


def test_judging_moves_no_change_seq(library: Library) -> None:
    before = library._handle.store.catalog.meta().change_seq
    list(library.refine("red"))
    assert library._handle.store.catalog.meta().change_seq == before


def test_a_library_that_refuses_to_remember_is_searched_all_the_same(
    library: Library, judge: ColourJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoseek.library.catalog.database._NOTING_TIMEOUT_MS", 1)
    locker = sqlite3.connect(library.folder / "catalog.sqlite", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    *_, last = library.refine("red")
    assert (last.judged_count, last.trouble) == (6, None)
    locker.execute("ROLLBACK")
    locker.close()
    *_, last = library.refine("red")
    assert (last.cached_count, sum(judge.sizes)) == (0, 12)


def test_a_library_that_cannot_be_written_is_searched_all_the_same(library: Library, judge: ColourJudge) -> None:
    with library._handle.store.database.noting() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON judgements "
            "BEGIN SELECT RAISE(FAIL, 'attempt to write a readonly database'); END"
        )
    for _ in range(2):
        *_, last = library.refine("red")
        assert (last.judged_count, last.cached_count, last.trouble) == (6, 0, None)
    assert sum(judge.sizes) == 12


def test_the_oldest_judgements_go(database: Database) -> None:
    judgements = JudgementCatalog(database, kept=5)
    asked = JudgementKey("judge", "1", "red")
    for start in (0, 4):
        judgements.remember(asked, {f"{number}": Remembered(number / 10) for number in range(start, start + 4)})
    assert sorted(judgements.known(asked, [f"{number}" for number in range(8)])) == ["3", "4", "5", "6", "7"]


def test_what_was_said_last_stays_and_comes_back_whole(database: Database) -> None:
    judgements = JudgementCatalog(database)
    asked = JudgementKey("judge", "1", "a question?")
    said = {
        "judged": Remembered(0.25, 0.5, (0.0, 0.25, 0.5, 1.0)),
        "bare": Remembered(0.75),
        "answered": Remembered(answer="Two."),
    }
    judgements.remember(asked, {"judged": Remembered(0.9), "answered": Remembered(answer="One.")})
    judgements.remember(asked, said)
    assert judgements.known(asked, [*said, "unknown"]) == said
    assert judgements.known(JudgementKey("judge", "1", "another?"), list(said)) == {}
    judgements.remember(asked, {})


class LateJudge(ColourJudge):
    """A judge behind a network: of each batch, only the first answer comes in time."""

    def judge_until(self, images: Sequence[Image.Image], query: str, deadline_s: float) -> list[Judgement | None]:
        self.deadlines = [*getattr(self, "deadlines", []), deadline_s]
        return [one if place == 0 else None for place, one in enumerate(self.judge(images, query))]


def test_what_comes_too_late_is_not_waited_for_and_asked_again_next_time(library: Library) -> None:
    judge = LateJudge()
    orders = refined(library, judge, 2.5, batch_s=1.0)
    assert judge.deadlines == [102.5] * 3
    assert [one.judged_count for one in orders] == [0, 1, 2, 3]
    assert orders[-1].is_final
    assert refined(library, judge, None, batch_s=1.0)[-1].cached_count == 3


class KnowingJudge(ColourJudge):
    """A colour judge that knows some pictures of the library by name, without their files."""

    known: tuple[str, ...] = ("a", "b", "f")

    def judge_known(self, images: Sequence[ImageRecord], query: str) -> list[Judgement | None]:
        sees = {"a": 0.9, "b": 0.8, "f": 0.1}
        return [Judgement(sees[image.path.stem]) if image.path.stem in self.known else None for image in images]


def test_what_a_judge_knows_from_indexing_needs_no_file(tmp_path: Path, photos: Path) -> None:
    judge = KnowingJudge()
    with photoseek.open(tmp_path / "library", model=ColourEmbedder(), judge=judge) as library:
        library.index(photos)
        for name in judge.known:
            (photos / f"{name}.png").unlink()
        first, known, *_, last = library.refine("red")
        assert first.judged_count == 0
        assert (known.judged_count, known.is_final) == (3, False)
        assert (last.judged_count, last.skipped) == (6, ())
        assert sum(judge.sizes) == 3
        judge.known = ()
        *_, again = library.refine("red")
        assert (again.cached_count, again.judged_count) == (6, 6)


def test_a_judge_that_knows_every_hit_is_done_whatever_the_budget(tmp_path: Path, photos: Path) -> None:
    judge = KnowingJudge()
    judge.known = tuple(SHADES)
    judge.judge_known = lambda images, query: [Judgement(0.5) for _ in images]  # type: ignore[method-assign]
    with photoseek.open(tmp_path / "library", model=ColourEmbedder(), judge=judge) as library:
        library.index(photos)
        *_, last = library.refine("red", budget_s=0.0)
        assert (last.judged_count, last.is_final) == (6, True)
        assert judge.sizes == []
