"""Bare nouns become sentences, sentences stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from photoseek.library.embedders.base import ModelSpec, normalized
from photoseek.library.embedders.prompts import TEMPLATES, embed_queries, expand, is_bare_noun
from photoseek.library.errors import QueryError
from photoseek.library.types import Pixels, Vectors


class Bytes:
    """An embedder whose vector is the text's letters counted, so that it can be worked out by hand."""

    def __init__(self, templates: str) -> None:
        self.spec = ModelSpec("k", "n", 256, 8, 77, "here", "none", templates)
        self.calls: list[list[str]] = []

    def preprocess(self, image: object) -> Pixels:
        raise NotImplementedError

    def embed_images(self, pixels: Pixels) -> Vectors:
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        counts = [np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=256) for text in texts]
        return normalized(np.array(counts, dtype=np.float32).reshape(len(texts), 256))


@pytest.mark.parametrize("text", ["leopard", "snow leopard", " red  sports car ", "T-shirt", "café", "baker's shop"])
def test_bare_noun(text: str) -> None:
    assert is_bare_noun(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a cat",
        "dog on beach",
        "one two three four",
        "what?",
        "Dogs. Cats.",
        "2019",
        "海边的狗",
        "cat, dog",
        "It rains",
    ],
)
def test_phrase_sentence_or_other_script_is_no_bare_noun(text: str) -> None:
    assert not is_bare_noun(text)


@pytest.mark.parametrize("templates", ["photo", "satellite"])
def test_every_template_holds_the_noun_once(templates: str) -> None:
    sentences = expand("snow  leopard", templates)
    assert len(sentences) == len(set(sentences)) > 1
    assert all(sentence.count("snow leopard") == 1 and "{" not in sentence for sentence in sentences)


def test_satellite_templates_speak_of_a_view_from_above() -> None:
    assert "a satellite photo of harbour" in expand("harbour", "satellite")


def test_sentence_is_embedded_as_it_is() -> None:
    embedder = Bytes("photo")
    embed_queries(embedder, ["a dog running on a beach"])
    assert embedder.calls == [["a dog running on a beach"]]


def test_noun_is_the_mean_of_its_sentences() -> None:
    embedder = Bytes("none")
    vectors = embed_queries(embedder, ["two cats in a box", "cat"], "photo")
    cat_sentences = [template.format("cat") for template in TEMPLATES["photo"]]
    assert embedder.calls == [["two cats in a box", *cat_sentences]]
    np.testing.assert_allclose(vectors[0], embedder.embed_texts(["two cats in a box"])[0], rtol=1e-6)
    mean = embedder.embed_texts(cat_sentences).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(vectors[1:], normalized(mean), rtol=1e-5)


def test_model_decides_unless_the_caller_does() -> None:
    plain, clip = Bytes("none"), Bytes("photo")
    embed_queries(plain, ["cat"])
    embed_queries(clip, ["cat"])
    embed_queries(clip, ["cat"], "none")
    assert [len(call) for call in [*plain.calls, *clip.calls]] == [1, len(TEMPLATES["photo"]), 1]


def test_no_queries_give_no_vectors() -> None:
    assert embed_queries(Bytes("photo"), []).shape == (0, 256)


def test_unknown_templates_are_named_with_the_known_ones() -> None:
    with pytest.raises(QueryError, match=r"'xray'.*none, photo, satellite"):
        expand("cat", "xray")
