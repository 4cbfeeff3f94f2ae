"""Words found in what is said about images: those come first, under any filter, and exactly k."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import photoseek
from photoseek import Query, Term, Words, parse_filter
from photoseek.library.catalog.conditions import TextContains
from photoseek.tests.support.fakes import ColourEmbedder, paint

TEXTS = {
    "barn": ("red", "Anna, at the BARN"),
    "sea": ("blue", "the sea by night"),
    "anna": ("blue", "anna"),
    "annabel": ("green", "Annabel's 50%_off"),
    "ärger": ("green", "ÄRGER (im Büro)"),
    "none": ("red", ""),
}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[photoseek.Library]:
    for name, (colour, words) in TEXTS.items():
        picture = paint(tmp_path / f"photos/{name}.png", colour)
        if words:
            picture.with_suffix(".txt").write_text(words, encoding="utf-8")
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as opened:
        opened.index(tmp_path / "photos")
        yield opened


def names(hits: list[photoseek.Hit]) -> list[str]:
    return [hit.image.path.stem for hit in hits]


def asked(text: str, where: str | None = None, k: int = 20) -> Query:
    return Query((Term(Words(text)),), None if where is None else parse_filter(where), k, texts=True)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("anna",), {"barn", "anna"}),
        (("Anna", "barn"), {"barn"}),
        (("anna", "sea"), set()),
        (("50", "_off"), set()),
        (("%",), set()),
        (("ärger", "büro"), {"ärger"}),
        (("Sea", "night"), {"sea"}),
        (("annabel",), {"annabel"}),
    ],
)
def test_words_are_found_whole_and_whatever_their_case(
    library: photoseek.Library, words: tuple[str, ...], found: set[str]
) -> None:
    said = library._handle.store.catalog.matching_ids(TextContains(words))
    everything = {hit.image.id: hit.image.path.stem for hit in library.search("red", k=9)}
    assert {everything[image_id] for image_id in said.tolist()} == found


def test_what_is_said_comes_before_what_only_looks_so(library: photoseek.Library) -> None:
    assert names(library.search("red"))[:2] == ["barn", "none"]
    assert set(names(library.search(asked("Anna")))[:2]) == {"barn", "anna"}
    hits = library.search(asked("the blue Anna"))
    assert names(hits) == names(library.search("the blue Anna"))  # nothing says blue and Anna
    hits = library.search(asked("sea"))
    assert names(hits)[0] == "sea"
    assert {hit.image.id: hit.score for hit in hits} == {hit.image.id: hit.score for hit in library.search("sea")}


@pytest.mark.parametrize("k", [1, 2, 3, 6, 9])
def test_as_many_come_as_match_and_none_twice(library: photoseek.Library, k: int) -> None:
    found = names(library.search(asked("anna", k=k)))
    assert (len(found), len(set(found))) == (min(k, 6), min(k, 6))
    assert set(found[:2]) <= {"barn", "anna"}
    assert names(library.search(asked("anna", "path ~ '*/a*'", k=k))) == ["anna", "annabel"][:k]


def test_many_queries_at_once_are_answered_alike(library: photoseek.Library) -> None:
    queries = [asked("anna"), asked("sea", k=2)]
    assert library.search_many(queries) == [library.search(query) for query in queries]
    assert library.search(Query((Term(photoseek.Picture(library.search("sea")[0].image.path)),), texts=True))


def test_auto_cuts_what_only_looks_so_and_tells_every_chance(library: photoseek.Library) -> None:
    hits = library.search(Query((Term(Words("night")),), threshold="auto", texts=True))
    assert names(hits) == ["sea"]
    assert hits[0].probability is not None
    assert library.search(Query((Term(Words("night")),), threshold="auto")) == []
