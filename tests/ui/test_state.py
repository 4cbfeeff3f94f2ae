"""A search page's state in the address, and what is typed in the box."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.errors import QueryError
from photoseek.search.query.query import KnownImage, Sort, Words
from photoseek.ui.query_builder import typed, weighed
from photoseek.ui.state import LONGEST_TEXT, MOST_PARTS, MOST_SHOWN, PAGE, Brought, Filters, Part, SearchState

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text.strip()
)
_WEIGHTS = st.integers(1, 400).map(lambda quarter: quarter / 4)
_SUBJECTS = st.one_of(
    _TEXTS.map(Words),
    st.integers(0, 10**15).map(KnownImage),
    st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True).map(Brought),
)
_PARTS = st.builds(Part, _SUBJECTS, st.one_of(_WEIGHTS, _WEIGHTS.map(lambda weight: -weight)))
_DATES = st.one_of(st.none(), st.dates(date(1000, 1, 1)))
_SEVERAL = st.lists(_TEXTS, max_size=4).map(tuple)
_FILTERS = st.builds(
    Filters,
    _DATES,
    _DATES,
    st.one_of(st.just(""), _TEXTS),
    _SEVERAL,
    _SEVERAL,
    st.one_of(st.none(), st.integers(1, 5)),
    st.one_of(st.none(), st.integers(1, 100_000)),
    st.booleans(),
)
_STATES = st.builds(
    SearchState,
    st.one_of(st.just(""), _TEXTS.map(str.strip)),
    st.lists(_PARTS, max_size=MOST_PARTS).map(tuple),
    _FILTERS,
    st.sampled_from(Sort),
    st.integers(1, MOST_SHOWN),
    st.booleans(),
    st.integers(0, 600),
    st.one_of(st.none(), st.integers(1, 2**40)),
)


@given(_STATES)
def test_an_address_brings_the_same_state_back(state: SearchState) -> None:
    assert SearchState.from_params(state.to_params()) == state


@given(
    st.dictionaries(
        st.sampled_from(["q", "t", "from", "px", "n", "sort", "stars", "look", "image"]), st.lists(st.text())
    )
)
def test_any_address_makes_a_state_that_can_be_written_again(params: dict[str, list[str]]) -> None:
    state = SearchState.from_params(params)
    assert SearchState.from_params(state.to_params()) == state


def test_the_start_page_has_a_bare_address() -> None:
    assert SearchState().to_params() == {}


@pytest.mark.parametrize(
    "params",
    [
        {
            "t": [
                "file:/etc/passwd",
                "https://example.org/x.png",
                "/etc/passwd",
                "id:x",
                "0:text:a",
                "nan:text:a",
                "text: ",
            ]
        },
        {"from": ["2023-13-01"], "px": ["-4"], "stars": ["0"], "n": ["0"], "sort": ["worst"], "image": ["1e9"]},
    ],
)
def test_what_makes_no_sense_in_an_address_counts_as_not_there(params: dict[str, list[str]]) -> None:
    assert SearchState.from_params(params) == SearchState()


def test_an_address_cannot_ask_for_more_than_there_is_to_show() -> None:
    state = SearchState.from_params({"q": ["x" * 9_999], "n": ["999999999"], "t": ["id:1"] * 99})
    assert (len(state.words), state.shown, len(state.parts)) == (LONGEST_TEXT, MOST_SHOWN, MOST_PARTS)


LIKE = Part(KnownImage(7))


@pytest.mark.parametrize(
    ("before", "text", "words", "parts"),
    [
        (SearchState(), " a cat ", "a cat", ()),
        (SearchState("", (LIKE,)), "a cat", "a cat", (LIKE,)),
        (SearchState("a dog", (LIKE, Part(Words("b"), -1.0))), "a cat", "a cat", ()),
        (SearchState("a dog", (LIKE, Part(Brought("k")))), "a cat", "a cat", (Part(Brought("k")),)),
        (SearchState("a dog"), "", "", ()),
        (SearchState("a dog"), "- grass", "a dog", (Part(Words("grass"), -1.0),)),
        (SearchState("a dog"), "+ 2:beach", "a dog", (Part(Words("beach"), 2.0),)),
        (SearchState("a dog"), "2:cat + milk - bowl", "milk", (Part(Words("cat"), 2.0), Part(Words("bowl"), -1.0))),
        (SearchState(), "id:7 - night", "", (LIKE, Part(Words("night"), -1.0))),
        (SearchState("x", (Part(Brought("k")),)), "a + 2:b", "a", (Part(Brought("k")), Part(Words("b"), 2.0))),
    ],
)
def test_the_box_takes_words_and_sums(before: SearchState, text: str, words: str, parts: tuple[Part, ...]) -> None:
    after = typed(before, text)
    assert (after.words, after.parts) == (words, parts)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "./a.jpg + b", "cat - file:x.png", "https://example.org/a.png", "~/a.jpg"]
)
def test_the_box_takes_no_files_and_no_addresses(text: str) -> None:
    with pytest.raises(QueryError, match="drop the picture"):
        typed(SearchState(), text)


def test_a_part_is_weighed_and_taken_off() -> None:
    state = SearchState("a", (LIKE, Part(Words("b"))), shown=300, opened=4)
    assert weighed(state, 1, -2.0) == SearchState("a", (LIKE, Part(Words("b"), -2.0)))
    assert weighed(state, 0, None) == SearchState("a", (Part(Words("b")),))
    assert weighed(state, 5, None) == state


def test_whoever_asks_anew_begins_at_the_top() -> None:
    state = SearchState(words="dog", shown=90, opened=7)
    for anew in (state.asking("cat", ()), state.filtered(Filters(rating=3))):
        assert (anew.shown, anew.opened) == (PAGE, None)
