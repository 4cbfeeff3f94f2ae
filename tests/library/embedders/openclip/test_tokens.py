"""Our tokens against open_clip's own tokenizers, on odd strings and on any."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Protocol

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, processors

from photoseek.library.embedders.openclip.export import SAMPLE_TEXTS
from photoseek.library.embedders.openclip.tokens import (
    CLEANINGS,
    TextTokens,
    TokenRules,
    WordTable,
    clean,
    of_words,
    tokenizer_of,
)


class Theirs(Protocol):
    clean_fn: Callable[[str], str]

    def encode(self, text: str) -> list[int]: ...


@cache
def pair(cleaning: str) -> tuple[Theirs, TextTokens]:
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    theirs: Theirs = open_clip.tokenizer.SimpleTokenizer(clean=cleaning)
    found = tokenizer_of(theirs)
    assert found is not None
    tokenizer, named, pad_id = found
    assert (named, pad_id) == (cleaning, 0)
    return theirs, TextTokens(lambda: tokenizer, TokenRules(cleaning, 0, 77, any_length=True), "a model")


@cache
def table() -> WordTable:
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    found = tokenizer_of(open_clip.tokenizer.SimpleTokenizer())
    assert found is not None
    words = of_words(found[0])
    assert words is not None
    return WordTable(words)


NOUNS = (files("photoseek.search") / "vocabularies" / "nouns.txt").read_text(encoding="utf-8").split()


@given(words=st.lists(st.one_of(st.sampled_from(NOUNS), st.text("abcdefgh", min_size=1, max_size=4)), max_size=12))
@settings(deadline=None)
def test_plain_words_have_the_same_tokens_without_a_tokenizer(words: list[str]) -> None:
    theirs, _ = pair("lower")
    text = " ".join(words)
    found = table().ids(text)
    assert found is None or found == [49406, *theirs.encode(text), 49407]


def test_a_plain_text_needs_no_tokenizer_and_any_other_does() -> None:
    def absent() -> Tokenizer:
        raise FileNotFoundError

    ours = TextTokens(absent, TokenRules("lower", 0, 77, any_length=True), "a model", table())
    text = "a dog running on the Beach"
    assert ours.encode([text]).tolist() == pair("lower")[1].encode([text]).tolist()
    for other in ("", "it's", "3 dogs", "zzzxqj", "dog 1929", "dog\n1929 a"):
        with pytest.raises(FileNotFoundError):
            ours.encode([other])


def test_a_tokenizer_of_another_kind_has_no_table_of_words() -> None:
    assert of_words(Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "dog": 2}, "<s>"))) is None
    # One that does not cut texts into words: of two it makes something else than of each.
    whole = Tokenizer(models.BPE({"a</w>": 0, "b</w>": 1, "a": 2, "b": 3, " ": 4}, [], end_of_word_suffix="</w>"))
    whole.post_processor = processors.TemplateProcessing(single="a $A b", special_tokens=[("a", 2), ("b", 3)])
    assert whole.encode("a").ids == [2, 0, 3]
    assert of_words(whole) is None


def known_letters(text: str) -> bool:
    """Leave out what newer tables of Unicode call letters and older ones do not, and the two marks."""
    return "<" not in text and all(unicodedata.category(character) not in {"Cn", "Cs", "Co"} for character in text)


@pytest.mark.parametrize("cleaning", CLEANINGS)
@given(
    text=st.one_of(st.text(max_size=60), st.text(st.characters(max_codepoint=0x17F), max_size=60)).filter(known_letters)
)
@settings(deadline=None)
@example("it's I'M you'LL we've o'clock 'tis ''s")
@example("&amp;amp; &lt;b&gt; &#65;")
@example("ﬁ ① ½ Ⅷ ª º ß İ")
@example("e\u0301 \u0301 \u200d \ufeff \u00a0 \u3000")
@example("schön — “quoted” â€œmojibakeâ€\x9d")
@example(":Ö\x8b")
@example("\x1b[31mred\x1b[0m \x00\x07 a\r\nb\x0bc")
def test_any_text_has_the_same_tokens(cleaning: str, text: str) -> None:
    theirs, ours = pair(cleaning)
    cleaned = theirs.clean_fn(text)
    assert clean(text, cleaning) == cleaned
    assume(known_letters(cleaned))  # mending mojibake can make new letters of known ones
    assert ours.encode([text])[0].tolist() == [49406, *theirs.encode(text), 49407]
    assert ours.count(text) == len(theirs.encode(text)) + 2


@pytest.mark.parametrize("cleaning", CLEANINGS)
def test_the_samples_have_the_same_tokens(cleaning: str) -> None:
    theirs, ours = pair(cleaning)
    for text in SAMPLE_TEXTS:
        assert ours.encode([text])[0].tolist() == [49406, *theirs.encode(text), 49407]


def test_a_text_that_spells_a_mark_has_no_mark_inside() -> None:
    _, ours = pair("lower")
    ids = ours.encode(["a <end_of_text> b"])[0].tolist()
    assert ids.count(49407) == 1
    assert ids[-1] == 49407


def test_plain_ascii_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ftfy", None)
    assert clean("  A Cat's   life! ", "lower") == "a cat's life!"
    with pytest.raises(ImportError):
        clean("café", "lower")


@pytest.mark.parametrize("kind", ["reduction", "cleaning", "object"])
def test_an_unknown_kind_is_left_to_open_clip(kind: str) -> None:
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    theirs = open_clip.tokenizer.SimpleTokenizer(reduction_mask="simple" if kind == "reduction" else "")
    if kind == "cleaning":
        theirs.clean_fn = str.upper
    assert tokenizer_of(object() if kind == "object" else theirs) is None
