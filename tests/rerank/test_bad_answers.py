"""Bad answers do not stick: what says nothing is neither kept nor heard, and is asked for again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photoseek
from photoseek import Judgement, Library, PhotoseekError, Query, parse_terms
from photoseek.library.catalog.vlm_answers import JudgementKey, Remembered
from photoseek.rerank.answers import UNDECIDED, AnswerTokens, judgements
from photoseek.rerank.endpoint_http import parse_reply
from photoseek.rerank.fusion import combined, fused
from photoseek.tests.rerank.test_rerank_end_to_end import Run, judge, photos, run
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import SPEC, ColourJudge
from photoseek.tests.support.scripted_server import Answers, scripted

__all__ = ["judge", "photos", "run"]

NAN = math.nan
BLANKS = ["", "  ", "\n\t", "\x00\u200b"]


@dataclass
class Scripted(ColourJudge):
    """Says what it is told to: answers one after the other, and one judgement of every picture."""

    answers: list[str] = field(default_factory=list)
    judgement: Judgement = UNDECIDED
    asked: int = 0

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        self.asked += len(images)
        return [self.judgement for _ in images]

    def caption(self, images: Sequence[Image.Image], style: photoseek.CaptionStyle) -> list[str]:
        self.asked += len(images)
        return [self.answers.pop(0) for _ in images]

    def ask(self, image: Image.Image, question: str) -> str:
        self.asked += 1
        return self.answers.pop(0)


@pytest.fixture
def vlm() -> Scripted:
    return Scripted()


@pytest.fixture
def library(tmp_path: Path, vlm: Scripted) -> Iterator[Library]:
    for colour in ("red", "green", "blue"):
        paint(tmp_path / "pictures" / f"{colour}.png", colour, (20, 20))
    with photoseek.open(tmp_path / "colours", model=ColourEmbedder(), judge=vlm) as opened:
        opened.index(tmp_path / "pictures")
        yield opened


# Answers


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_answer_is_an_error_and_is_not_kept(library: Library, vlm: Scripted, blank: str) -> None:
    vlm.answers = [blank, "a colour"]
    with pytest.raises(PhotoseekError, match="colours gave no answer"):
        library.ask(1, "What?")
    assert library.ask(1, "What?") == "a colour"
    assert library.ask(1, "What?") == "a colour"
    assert vlm.asked == 2


def test_a_blank_answer_that_was_kept_before_is_asked_for_again(library: Library, vlm: Scripted) -> None:
    [image] = library.images([1]).values()
    kept = JudgementKey(SPEC.key, f"ask {SPEC.prompt_version}", "What?")
    library._handle.store.catalog.judgements.remember(kept, {image.content_hash: Remembered(answer=" ")})
    vlm.answers = ["a colour", "never asked"]
    assert [library.ask(1, "What?") for _ in range(2)] == ["a colour", "a colour"]


def test_an_answer_is_had_anew_by_force_and_kept_in_place_of_the_old(library: Library, vlm: Scripted) -> None:
    vlm.answers = ["wrong", "right", "", "never asked"]
    assert library.ask(1, "What?") == "wrong"
    assert library.ask(1, "What?", force=True) == "right"
    with pytest.raises(PhotoseekError, match="gave no answer"):
        library.ask(1, "What?", force=True)
    assert library.ask(1, "What?") == "right"


def test_the_command_asks_anew_by_force(run: Run, judge: ColourJudge, photos: Path) -> None:
    question = ("ask", photos / "3-red.png", "What?", "--vlm", "colours")
    for arguments in (question, question, (*question, "--force")):
        assert run(*arguments) == (0, "What? It is red.\n", "")
    assert judge.sizes == [1, 1]


@pytest.mark.parametrize("content", [None, "", "   "])
def test_a_servers_null_is_no_answer(library: Library, tmp_path: Path, content: str | None) -> None:
    body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
    with (
        scripted(Answers(body=body)) as server,
        photoseek.open(tmp_path / "colours", model=ColourEmbedder(), judge=f"{server.url}#tiny") as asking,
    ):
        for times in (1, 2):
            with pytest.raises(PhotoseekError, match="tiny gave no answer"):
                asking.ask(1, "What?")
            assert len(server.asked) == times


# Captions


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_caption_is_a_failure_and_is_not_kept(library: Library, vlm: Scripted, blank: str) -> None:
    vlm.answers = ["one", blank, "three", "two"]
    report = library.caption()
    assert (report.captioned, len(report.failed)) == (2, 1)
    again = library.caption()
    assert (again.captioned, again.unchanged, len(again.failed)) == (1, 2, 0)
    vlm.answers = [blank]
    with pytest.raises(PhotoseekError, match="colours gave no answer"):
        library.caption_of(library.images([1])[1].path)


def test_a_blank_caption_that_was_kept_before_is_asked_for_again(library: Library, vlm: Scripted) -> None:
    [image] = library.images([1]).values()
    kept = JudgementKey(SPEC.key, f"caption {SPEC.prompt_version}", "caption en")
    library._handle.store.catalog.judgements.remember(kept, {image.content_hash: Remembered(answer="")})
    vlm.answers = ["one", "two", "three"]
    assert (library.caption().captioned, vlm.asked) == (3, 3)


# Judgements


@pytest.mark.parametrize(
    "bad",
    [Judgement(NAN), Judgement(NAN, 0.9), Judgement(0.9, NAN), Judgement(1.5), Judgement(-0.1), Judgement(math.inf)],
    ids=str,
)
def test_a_judgement_that_is_no_probability_is_neither_heard_nor_kept(
    library: Library, vlm: Scripted, bad: Judgement
) -> None:
    vlm.judgement = bad
    for times in (1, 2):
        first, *_, last = library.refine(Query(parse_terms("red - blue")))
        assert [one.score for one in last.hits] == [one.score for one in first.hits]
        assert [one.judgement for one in last.hits] == [None] * 3
        assert not any(one.vetoed for one in last.hits)
        assert vlm.asked == 6 * times
        assert last.is_final


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_judgements_of_no_mass_move_no_probability_and_are_not_kept(
    library: Library, vlm: Scripted, probability: float
) -> None:
    vlm.judgement = Judgement(probability, 0.0)
    for times in (1, 2):
        first, *_, last = library.refine("red")
        assert [one.hit.image.id for one in last.hits] == [one.hit.image.id for one in first.hits]
        assert [one.score for one in last.hits] == [one.score for one in first.hits]
        assert vlm.asked == 3 * times


def test_a_judgement_of_no_mass_vetoes_nothing(library: Library, vlm: Scripted) -> None:
    vlm.judgement = Judgement(0.99, 0.0)
    *_, last = library.refine(Query(parse_terms("red - blue")))
    assert not any(one.vetoed for one in last.hits)
    vlm.judgement = Judgement(0.99, 0.9)
    *_, last = library.refine(Query(parse_terms("red - blue")))
    assert all(one.vetoed for one in last.hits)


@pytest.mark.parametrize("kept", [Remembered(0.9, 0.0), Remembered(2.0), Remembered(NAN, 0.9)], ids=str)
def test_a_bad_judgement_that_was_kept_before_is_asked_for_again(
    library: Library, vlm: Scripted, kept: Remembered
) -> None:
    [image] = library.images([1]).values()
    library._handle.store.catalog.judgements.remember(
        JudgementKey(SPEC.key, f"judge {SPEC.prompt_version}", "red"), {image.content_hash: kept}
    )
    vlm.judgement = Judgement(0.8, 0.9)
    *_, last = library.refine("red")
    assert vlm.asked == 3
    assert {one.judgement for one in last.hits} == {Judgement(0.8, 0.9)}


def test_scores_stay_where_all_that_was_said_has_no_mass() -> None:
    first = np.array([2.0, -1.0, 0.5])
    assert fused(first, [Judgement(0.9, 0.0), None, Judgement(0.1, 0.0)], 0.7).tolist() == first.tolist()


def test_what_has_no_mass_says_nothing_among_what_has_some() -> None:
    sure, mute = Judgement(0.9, 0.8), Judgement(0.01, 0.0)
    assert combined([sure, mute], [1.0, 3.0]) == sure
    assert combined([mute, mute], [1.0, 1.0]).mass == 0.0


def test_logits_that_are_no_numbers_decide_nothing() -> None:
    rows = np.array([[NAN, 0.0, 0.0], [0.0, -np.inf, -np.inf], [0.0, np.inf, np.inf], [0.0, 3.0, 1.0]], np.float32)
    *bad, good = judgements(rows, AnswerTokens((1,), (2,)))
    assert bad == [Judgement(0.5, 0.0)] * 3
    assert good.probability == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize("number", ["NaN", "null", "Infinity"])
def test_a_list_of_tokens_with_what_is_no_number_is_no_reply(number: str) -> None:
    top = f'[{{"token": "Yes", "logprob": {number}}}, {{"token": "No", "logprob": -1.0}}]'
    first = f'{{"token": "Yes", "logprob": -1.0, "top_logprobs": {top}}}'
    body = f'{{"choices": [{{"message": {{"content": "Yes"}}, "logprobs": {{"content": [{first}]}}}}]}}'
    with pytest.raises(ValueError, match="no chat completion"):
        parse_reply(body.encode())
