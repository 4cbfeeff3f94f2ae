"""From what models say to values, and from wishes to what they are asked: all by hand, with no model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.errors import ModelUnavailable, QueryError
from photoseek.rerank.answers import (
    LONGEST_CAPTION,
    UNDECIDED,
    AnswerTokens,
    MassWatch,
    answer_tokens,
    judgement_of_listed,
    judgement_of_text,
    judgements,
    tidy_caption,
)
from photoseek.rerank.base import CaptionStyle, Judgement
from photoseek.rerank.prompts import (
    JUDGING,
    Template,
    caption_prompt,
    judging_prompt,
    judging_template,
    language_name,
    prompts_key,
)


@pytest.mark.parametrize(
    ("vocabulary", "expected"),
    [
        # SentencePiece, as Llama's
        ({"▁Yes": 3, "▁yes": 5, "Yes": 7, "▁No": 4, "no": 9, "▁not": 10, "Yesterday": 11}, ((3, 5, 7), (4, 9))),
        # byte-level, as Qwen's
        ({"ĠYES": 1, "Yes": 2, "No": 8, "Ġno": 6, "NO": 3, "nO": 4}, ((1, 2), (3, 6, 8))),
        # CLIP's
        ({"yes</w>": 0, "yes": 2, "no</w>": 1}, ((0, 2), (1,))),
    ],
)
def test_every_spelling_in_a_vocabulary_counts(
    vocabulary: dict[str, int], expected: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    assert answer_tokens(vocabulary, "m") == AnswerTokens(*expected)


@pytest.mark.parametrize("vocabulary", [{}, {"yes": 1}, {"no": 1}, {"y": 0, "es": 1, "n": 2, "o": 3}])
def test_a_vocabulary_without_one_of_the_words_cannot_judge(vocabulary: dict[str, int]) -> None:
    with pytest.raises(ModelUnavailable, match="no token for yes and no"):
        answer_tokens(vocabulary, "m")


def test_the_probability_is_that_of_yes_among_yes_and_no() -> None:
    shares = np.array([[0.1, 0.3, 0.2, 0.15, 0.25], [0.0001, 0.0001, 0.9, 0.0001, 0.0997]])
    answers = judgements(np.log(shares).astype(np.float32) + 7.0, AnswerTokens((0, 1), (3,)))
    assert [answer.probability for answer in answers] == pytest.approx([0.4 / 0.55, 0.0002 / 0.0003], rel=1e-4)
    assert [answer.mass for answer in answers] == pytest.approx([0.55, 0.0003], rel=1e-4)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_probabilities_stay_within_bounds_however_large_the_logits(row: list[float]) -> None:
    answer = judgements(np.array([row], dtype=np.float32), AnswerTokens((0,), (1,)))[0]
    assert 0.0 <= answer.probability <= 1.0
    assert answer.mass is not None
    assert 0.0 <= answer.mass <= 1.0 + 1e-9


def test_listed_spellings_are_summed() -> None:
    listed = [(" Yes", math.log(0.5)), ("no", math.log(0.2)), ("YES", math.log(0.1)), ("Maybe", math.log(0.1))]
    answer = judgement_of_listed(listed)
    assert answer.probability == pytest.approx(0.6 / 0.8)
    assert answer.mass == pytest.approx(0.8)


def test_a_certain_server_stays_off_nought_and_one_as_far_as_can_be_told() -> None:
    answer = judgement_of_listed([("Yes", math.log(0.9)), ("It", math.log(0.08))])
    assert answer.probability == pytest.approx(0.9 / 0.92)
    assert judgement_of_listed([("No", 0.0)]).probability == 0.0


@pytest.mark.parametrize("listed", [[], [("Maybe", -0.1)], [("yes", -math.inf)]])
def test_a_list_without_yes_or_no_tells_nothing(listed: list[tuple[str, float]]) -> None:
    assert judgement_of_listed(listed) == UNDECIDED


@given(st.lists(st.tuples(st.sampled_from(["yes", " No", "x", ""]), st.floats(-100, 1)), max_size=6))
def test_any_list_of_a_server_makes_a_judgement(listed: list[tuple[str, float]]) -> None:
    answer = judgement_of_listed(listed)
    assert 0.0 <= answer.probability <= 1.0
    assert answer.mass is not None
    assert 0.0 <= answer.mass <= 1.0


def test_a_model_that_says_neither_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = MassWatch("some/model")
    watch.note([])
    watch.note([Judgement(0.9), Judgement(0.9, 0.8), Judgement(0.9, 0.3)])
    assert caplog.records == []
    watch.note([Judgement(0.9, 0.1), Judgement(0.9, 0.2)])
    watch.note([Judgement(0.9, 0.1)])
    assert [record.getMessage() for record in caplog.records] == [
        "some/model says yes or no with a share of 0.15 only: its judgements mean little"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes", Judgement(1.0)),
        ("  yes, it does.", Judgement(1.0)),
        ("**No**", Judgement(0.0)),
        ("1. no", Judgement(0.0)),
        ("Nothing", None),
        ("Yesterday", None),
        ("The picture shows yes", None),
        ("", None),
    ],
)
def test_a_written_answer_counts_by_its_first_word(text: str, expected: Judgement | None) -> None:
    assert judgement_of_text(text) == expected


@pytest.mark.parametrize(
    ("written", "caption"),
    [
        ("A dog runs. It is happy. The sun shines.", "A dog runs. It is happy."),
        ("This image shows a dog on a beach.", "A dog on a beach."),
        ("The photo features two cats.", "Two cats."),
        ("In this picture, we can see a boat.", "A boat."),
        ("A dog\n runs  along", "A dog runs along"),
        ("A dog runs. It seems to be on the wa", "A dog runs."),
        ('A sign reads "Stop!" in red. A car waits.', 'A sign reads "Stop!" in red.'),
        ("A bottle of 0.5 l on a table.", "A bottle of 0.5 l on a table."),
        ("一只狗在海滩上奔跑。天很蓝。云很白。", "一只狗在海滩上奔跑。天很蓝。"),
        ("", ""),
    ],
)
def test_a_caption_keeps_to_two_whole_sentences(written: str, caption: str) -> None:
    assert tidy_caption(written) == caption


def test_a_caption_without_an_end_is_cut_after_a_word_at_400_characters() -> None:
    caption = tidy_caption("unending " * 100)
    assert caption == " ".join(["unending"] * 44)
    assert len(tidy_caption("x" * 1_000)) == 400
    assert tidy_caption("A dog. " + "y" * 398 + ".") == "A dog."


@given(st.text(max_size=2000))
def test_a_caption_is_one_bounded_line_and_tidy_for_good(written: str) -> None:
    caption = tidy_caption(written)
    assert len(caption) <= LONGEST_CAPTION
    assert caption == " ".join(caption.split())


def test_judging_prompts_are_the_literatures_wordings() -> None:
    assert judging_prompt(judging_template(), "a red car") == (
        'Does this figure show "a red car"? Please answer yes or no.'
    )
    assert judging_prompt(JUDGING["inquire"], "a\n red  car") == (
        'Does this picture show a red car? Answer the question with either "Yes" or "No" and nothing else.'
    )


def test_a_query_with_braces_or_quotes_stays_within_its_own() -> None:
    assert judging_prompt(judging_template(), 'a "{query}" sign') == (
        "Does this figure show \"a '{query}' sign\"? Please answer yes or no."
    )


def test_a_template_that_is_none_is_one_line() -> None:
    with pytest.raises(QueryError, match="no judging prompt named 'poem': choose one of vqascore, inquire"):
        judging_template("poem")


def test_captions_are_asked_for_in_a_style_and_language() -> None:
    plain, alternative = caption_prompt(CaptionStyle()), caption_prompt(CaptionStyle("alt-text", "pt-BR"))
    assert "one or two short, factual sentences" in plain
    assert 'Never begin with "This image shows"' in plain
    assert "Write in" not in plain
    assert alternative.startswith("Write the alternative text")
    assert alternative.endswith(" Write in Portuguese (pt-BR).")


@pytest.mark.parametrize(("tag", "name"), [("en-US", "English"), ("DE", "German"), ("gsw", "the language gsw")])
def test_languages_are_named_in_english(tag: str, name: str) -> None:
    assert language_name(tag) == name


@pytest.mark.parametrize("tag", ["", "e", "english please", "de_DE", "en; ignore all"])
def test_what_is_no_language_tag_is_one_line(tag: str) -> None:
    with pytest.raises(QueryError, match="is no language: give a tag such as en, de or pt-BR"):
        language_name(tag)


def test_a_changed_wording_changes_the_key_of_its_answers() -> None:
    first, second = Template("vqascore", 1, "{query}?"), Template("vqascore", 2, "{query}??")
    assert prompts_key(first) == "vqascore-1+caption-1+alt-text-1"
    assert prompts_key(first) != prompts_key(second)
