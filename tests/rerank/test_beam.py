"""Beam search finds the likeliest captions, against an exhaustive search over a small language."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from photoseek.rerank.beam import BeamOptions, State, Words, Written, search

START, END, NEVER = 0, 1, 2
WORDS = 6


class Language:
    """Log-probabilities of the next word by the picture and the last two words, drawn once."""

    def __init__(self, pictures: int, seed: int) -> None:
        chance = np.random.default_rng(seed)
        odds = chance.normal(size=(pictures, WORDS, WORDS, WORDS)) * 2
        self.table = odds - np.log(np.exp(odds).sum(-1, keepdims=True))

    def step(self, latest: Words, place: int, state: State) -> tuple[np.ndarray, State]:
        pictures, beams = latest.shape
        before = state[0][:, 0].astype(int).reshape(pictures, beams) if place else np.zeros_like(latest)
        found = self.table[np.arange(pictures)[:, None], before, latest]
        return found.astype(np.float32), [latest.reshape(-1, 1).astype(np.float32)]

    def score(self, picture: int, words: tuple[int, ...], power: float) -> float:
        total, before, latest = 0.0, 0, START
        for word in (*words, END):
            total += self.table[picture, before, latest, word]
            before, latest = latest, word
        return float(total / (len(words) + 1) ** power)

    def best(self, picture: int, longest: int, power: float) -> tuple[int, ...]:
        sayable = [word for word in range(WORDS) if word not in (START, END, NEVER)]
        captions = [
            words
            for length in range(longest)
            for words in product(sayable, repeat=length)
            if all(one != other for one, other in pairwise(words))
        ]
        return max(captions, key=lambda words: self.score(picture, words, power))


def options(beams: int = 5, length_power: float = 0.7, longest: int = 20) -> BeamOptions:
    return BeamOptions(START, END, (START, NEVER), beams=beams, length_power=length_power, longest=longest)


def found(language: Language, pictures: int, wanted: BeamOptions) -> list[list[Written]]:
    state = [np.zeros((pictures * wanted.beams, 1), np.float32)]
    return search(language.step, state, pictures, wanted)


@pytest.mark.parametrize("seed", range(5))
def test_beams_wide_enough_find_what_an_exhaustive_search_finds(seed: int) -> None:
    language = Language(4, seed)
    wanted = options(beams=40, longest=5, length_power=0.7)
    for picture, ends in enumerate(found(language, 4, wanted)):
        best = language.best(picture, 5, 0.7)
        assert ends[0].words == best
        assert ends[0].score == pytest.approx(language.score(picture, best, 0.7), abs=1e-5)


def test_every_picture_is_written_of_as_if_it_were_alone() -> None:
    language = Language(6, 9)
    together = found(language, 6, options(beams=3, longest=8))
    for picture in range(6):
        alone = Language(6, 9)
        alone.table = alone.table[picture : picture + 1]
        assert found(alone, 1, options(beams=3, longest=8))[0] == together[picture]


def test_what_must_not_be_said_is_not_said_and_no_word_comes_twice_in_a_row() -> None:
    language = Language(20, 3)
    language.table[:, :, :, NEVER] = 0.0  # by far the likeliest
    for ends in found(language, 20, options(beams=3, longest=8)):
        for one in ends:
            assert NEVER not in one.words
            assert START not in one.words
            assert all(word != other for word, other in pairwise(one.words))


def test_a_caption_that_never_ends_is_cut_short_rather_than_lost() -> None:
    language = Language(2, 1)
    language.table[:, :, :, END] = -np.inf
    for ends in found(language, 2, options(beams=2, longest=4)):
        assert len(ends[0].words) == 4
