"""BLEU and CIDEr agree with pycocoevalcap, whose figures on the same captions are written down here."""

from __future__ import annotations

import pytest

from photoseek.rerank.caption_words import words_of
from photoseek.training.caption_measures import bleu, cider

CAPTIONS = [
    "A dog runs over the grass.",
    "Two men are standing on a street.",
    "A girl in a red dress doesn't smile, she's jumping.",
]
REFERENCES = [
    ["A brown dog runs over the green grass.", "The dog is running across a lawn.", "A dog runs on the grass."],
    [
        "Two men stand on a city street.",
        "Men are talking on the street.",
        "Two people are standing on a street corner.",
    ],
    [
        "A girl in a red dress jumps.",
        "The young girl's red dress flies as she is jumping.",
        "A child in red is jumping in the air.",
    ],
]


@pytest.mark.parametrize(("longest", "expected"), [(1, 0.88), (2, 0.8), (3, 0.6957856), (4, 0.5961622)])
def test_bleu_agrees_with_pycocoevalcap(longest: int, expected: float) -> None:
    assert bleu(CAPTIONS, REFERENCES, longest) == pytest.approx(expected, abs=1e-6)


def test_cider_agrees_with_pycocoevalcap() -> None:
    assert cider(CAPTIONS, REFERENCES) == pytest.approx([3.23470332, 3.44122587, 2.24346714], abs=1e-6)


def test_a_caption_too_short_pays_for_its_brevity() -> None:
    assert bleu(["A dog runs"], [["A dog runs over the green grass."]], 1) == pytest.approx(2.718281828 ** (1 - 7 / 3))


def test_nothing_in_common_is_worth_nothing() -> None:
    assert bleu(["A cat sleeps."], [["Two men run."]]) == 0.0
    assert cider(["Cats sleep.", "Two men run."], [["Two dogs bark."], ["Two men run."]])[0] == 0.0


def test_words_are_split_as_the_penn_treebank_does() -> None:
    assert words_of("The men's T-shirts don't cost 3.50 -- no 50/50 deal...") == (
        ["the", "men", "'s", "t-shirts", "do", "n't", "cost", "3.50", "no", "50/50", "deal"]
    )
