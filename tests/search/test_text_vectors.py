"""Texts are embedded once while remembered, and several libraries' worth of threads may ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photoseek.library.types import Vectors
from photoseek.search.texts import TextVectors
from photoseek.tests.support.fakes import ColourEmbedder


class Counting(ColourEmbedder):
    """Remembers which texts went through the model."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return super().embed_texts(texts)


def test_a_text_asked_for_again_needs_no_model() -> None:
    model = Counting()
    texts = TextVectors(model)
    first = texts.of(["red", "green", "red"])
    assert np.array_equal(first, model.embed_texts(["red", "green", "red"]))
    model.embedded.clear()
    assert np.array_equal(texts.of(["green", "red"]), first[[1, 0]])
    assert model.embedded == []


def test_the_text_longest_unasked_for_is_forgotten_first() -> None:
    model = Counting()
    texts = TextVectors(model, kept=2)
    for text in ("red", "green", "red", "blue"):
        texts.of([text])
    model.embedded.clear()
    texts.of(["red", "blue"])
    assert model.embedded == []
    texts.of(["green"])
    assert model.embedded == ["green"]


def test_more_texts_than_are_kept_are_all_answered() -> None:
    names = ["red", "green", "blue"]
    assert np.array_equal(TextVectors(Counting(), kept=1).of(names), np.eye(3, dtype=np.float32))
    assert TextVectors(Counting()).of([]).shape == (0, 3)
