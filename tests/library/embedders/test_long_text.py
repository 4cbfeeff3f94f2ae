"""Texts of any length fit any limit, and lose nothing on the way."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.embedders.long_text import LONGEST_WORD_CHARS, embed_long, split_to_fit
from photoseek.library.types import Vectors

MARKS = 2
"""Start and end, as CLIP's tokenizer adds them."""


def count_tokens(text: str) -> int:
    """One token for every five characters begun of every word: long words cost more, as in a byte-pair encoder."""
    return MARKS + sum(-(-len(word) // 5) for word in text.split())


def embed_by_letter(texts: Sequence[str]) -> Vectors:
    """'a...' lies along the first axis, everything else along the second."""
    return np.array([[1.0, 0.0] if text.startswith("a") else [0.0, 1.0] for text in texts], dtype=np.float32)


def letters(text: str) -> str:
    return "".join(text.split())


prose = st.text(alphabet=st.sampled_from("abc .,;:!?\n\t-—。、\"'éß漢"), max_size=400)


@given(text=st.one_of(prose, st.text(max_size=200)), limit=st.integers(MARKS + 1, 40))
def test_every_piece_fits(text: str, limit: int) -> None:
    assert all(count_tokens(piece) <= limit for piece in split_to_fit(text, limit, count_tokens))


@given(text=st.one_of(prose, st.text(max_size=200)), limit=st.integers(MARKS + 1, 40))
def test_no_letter_is_lost_and_the_order_stays(text: str, limit: int) -> None:
    assert letters("".join(split_to_fit(text, limit, count_tokens))) == letters(text)


@given(words=st.lists(st.text(alphabet="abcdé.", min_size=1, max_size=15), max_size=80), limit=st.integers(5, 40))
def test_words_that_fit_stay_whole(words: list[str], limit: int) -> None:
    pieces = split_to_fit(" ".join(words), limit, count_tokens)
    assert [word for piece in pieces for word in piece.split()] == words


@given(text=prose)
def test_text_that_fits_comes_back_as_it_was(text: str) -> None:
    assert split_to_fit(text, count_tokens(text), count_tokens) == [text]


def test_cuts_fall_between_sentences() -> None:
    text = "A red car stands here. A dog sleeps. The sun sets over the sea."
    assert split_to_fit(text, MARKS + 10, count_tokens) == [
        "A red car stands here. A dog sleeps.",
        "The sun sets over the sea.",
    ]


def test_long_sentence_is_cut_between_clauses() -> None:
    text = "a red car on a hill, a dog on a sofa, two cats in a box"
    assert split_to_fit(text, MARKS + 6, count_tokens) == [
        "a red car on a hill,",
        "a dog on a sofa,",
        "two cats in a box",
    ]


def test_long_clause_is_cut_between_words() -> None:
    assert split_to_fit("one two three four five", MARKS + 2, count_tokens) == ["one two", "three four", "five"]


def test_word_too_long_for_the_limit_is_cut_between_letters() -> None:
    assert split_to_fit("abcdefghijkl", MARKS + 2, count_tokens) == ["abcdef", "ghijkl"]


def test_character_over_the_limit_is_kept_whole() -> None:
    assert split_to_fit("xyz", 1, count_tokens) == ["x", "y", "z"]


def test_enormous_word_never_reaches_the_tokenizer_whole() -> None:
    seen: list[int] = []

    def count_and_remember(text: str) -> int:
        seen.append(max(map(len, text.split()), default=0))
        return count_tokens(text)

    word = "a" * 100_000
    assert "".join(split_to_fit(word, 77, count_and_remember)) == word
    assert max(seen) <= LONGEST_WORD_CHARS


def test_short_texts_are_embedded_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    vectors = embed_long(["a b", "b a"], MARKS + 2, count_tokens, embed_by_letter)
    np.testing.assert_array_equal(vectors, [[1, 0], [0, 1]])
    assert not caplog.records


def test_long_text_is_the_mean_of_its_pieces_weighted_by_tokens() -> None:
    # "a a a." is 3 + 2 tokens along the first axis, "b." is 1 + 2 along the second.
    (short, long) = embed_long(["b", "a a a. b."], MARKS + 3, count_tokens, embed_by_letter)
    np.testing.assert_array_equal(short, [0, 1])
    np.testing.assert_allclose(long, np.array([5, 3]) / np.hypot(5, 3), rtol=1e-6)


def test_order_survives_long_texts_among_short_ones() -> None:
    vectors = embed_long(["a. a. a.", "b", "b. b. b.", "a"], MARKS + 2, count_tokens, embed_by_letter)
    np.testing.assert_allclose(vectors, [[1, 0], [0, 1], [0, 1], [1, 0]])
    assert vectors.dtype == np.float32


def test_one_warning_says_how_long_the_text_is_and_what_the_limit_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        embed_long(["a a a. b.", "b", "a. a. a. a."], MARKS + 3, count_tokens, embed_by_letter)
    (record,) = caplog.records
    assert record.getMessage().startswith("2 of 3 texts exceed the model's limit of 5 tokens (the longest has 8)")


def test_a_long_word_of_few_tokens_is_not_said_to_be_over_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    def one_for_a_word(text: str) -> int:
        return MARKS + len(text.split())

    embed_long(["a" * (LONGEST_WORD_CHARS + 1)], 128, one_for_a_word, embed_by_letter)
    [record] = caplog.records
    assert record.getMessage().startswith(f"1 of 1 texts hold words of more than {LONGEST_WORD_CHARS} characters: ")
