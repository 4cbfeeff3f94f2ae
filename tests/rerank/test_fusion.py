"""Fusing two looks: what a weight may and may not do to an order, for any scores whatever."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.rerank.base import Box, Judgement
from photoseek.rerank.fusion import combined, fused, log_odds, order, probability

PROBABILITIES = st.floats(0.0, 1.0)
JUDGEMENTS = st.none() | st.builds(Judgement, PROBABILITIES, st.none() | PROBABILITIES)
LOOKS = st.lists(st.tuples(st.floats(-30, 30), JUDGEMENTS), min_size=1, max_size=30)


def odds_of(looks: list[tuple[float, Judgement | None]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([odds for odds, _ in looks], dtype=np.float64)


@given(LOOKS)
def test_without_weight_the_first_look_stands(looks: list[tuple[float, Judgement | None]]) -> None:
    first = -np.sort(-odds_of(looks))
    scores = fused(first, [judgement for _, judgement in looks], 0.0)
    assert order(scores, [False] * len(first)) == list(range(len(first)))


@given(LOOKS, PROBABILITIES)
def test_where_nothing_was_judged_the_first_look_stands(
    looks: list[tuple[float, Judgement | None]], weight: float
) -> None:
    first = odds_of(looks)
    assert fused(first, [None] * len(first), weight).tolist() == first.tolist()


@given(LOOKS, PROBABILITIES, st.data())
def test_a_better_judgement_never_costs_a_place(
    looks: list[tuple[float, Judgement | None]], weight: float, data: st.DataObject
) -> None:
    first, judgements = odds_of(looks), [judgement for _, judgement in looks]
    place = data.draw(st.integers(0, len(looks) - 1))
    before = data.draw(PROBABILITIES)
    after = data.draw(st.floats(before, 1.0))
    ranks = []
    for chance in (before, after):
        judgements[place] = Judgement(chance)
        # Rounding may move two scores that are all but equal.
        ranks.append(order(np.round(fused(first, judgements, weight), 9), [False] * len(first)).index(place))
    assert ranks[1] <= ranks[0]


@given(LOOKS, st.lists(st.booleans(), min_size=30, max_size=30))
def test_what_is_vetoed_comes_last_in_the_order_of_the_rest(
    looks: list[tuple[float, Judgement | None]], vetoes: list[bool]
) -> None:
    first, vetoed = odds_of(looks), vetoes[: len(looks)]
    found = order(first, vetoed)
    assert sorted(found) == list(range(len(looks)))
    assert [vetoed[place] for place in found] == sorted(vetoed)
    kept = [place for place in found if not vetoed[place]]
    assert kept == [place for place in order(first, [False] * len(first)) if not vetoed[place]]


def test_with_full_weight_the_judge_alone_counts() -> None:
    said = [Judgement(0.1), Judgement(0.9), Judgement(0.5)]
    scores = fused(np.array([5.0, -5.0, 0.0]), said, 1.0)
    assert probability(scores).tolist() == pytest.approx([0.1, 0.9, 0.5])


def test_a_picture_not_looked_at_is_taken_to_be_like_the_average_of_those_that_were() -> None:
    scores = fused(np.zeros(3), [Judgement(0.9), None, Judgement(0.1)], 0.5)
    assert scores.tolist() == pytest.approx([math.log(9) / 2, 0.0, -math.log(9) / 2])
    # A judge that says yes to everything moves nothing.
    assert order(fused(np.array([2.0, 1.0, 1.9]), [Judgement(0.99), Judgement(0.99), None], 0.7), [False] * 3) == [
        0,
        2,
        1,
    ]


def test_a_judgement_counts_as_much_as_the_answer_was_a_yes_or_a_no() -> None:
    sure, unsure, evasive = Judgement(0.99, mass=0.9), Judgement(0.99, mass=0.25), Judgement(0.99, mass=0.0)
    no = Judgement(0.01, mass=1.0)
    scores = fused(np.zeros(4), [sure, unsure, evasive, no], 1.0)
    assert order(scores, [False] * 4) == [0, 1, 2, 3]
    assert fused(np.array([1.0, 2.0]), [Judgement(0.9, mass=0.0)] * 2, 0.5).tolist() == [1.0, 2.0]


def test_log_odds_are_bounded_and_the_weight_is_checked() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        fused(np.zeros(1), [None], 1.5)


def test_judgements_on_several_things_are_averaged_by_weight() -> None:
    box = Box(0, 0, 0.5, 0.5)
    both = combined([Judgement(0.9, 0.8, Box(0, 0, 1, 1)), Judgement(0.5, 0.7, box)], [1.0, 3.0])
    assert both.probability == pytest.approx(1 / (1 + 9**-0.25))
    assert (both.mass, both.box) == (0.7, box)
    assert combined([Judgement(0.0)], [2.0]) == Judgement(0.0)


def test_a_judgement_of_half_the_mass_counts_in_full_and_of_less_in_proportion() -> None:
    first = np.zeros(3)
    judgements = [Judgement(0.9, 0.5), Judgement(0.9, 0.25), Judgement(0.1, 1.0)]
    yes = math.log(9)
    usual = (1.0 * yes + 0.5 * yes - 1.0 * yes) / 2.5
    expected = [yes, 0.5 * yes + 0.5 * usual, -yes]
    assert fused(first, judgements, 1.0) == pytest.approx(expected)
