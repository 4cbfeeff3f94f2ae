"""From a picture to the library's texts: captions and keywords, nearest first, each wording once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import photoseek
from photoseek.tests.support.fakes import ColourEmbedder, paint


@pytest.fixture
def library(tmp_path: Path) -> photoseek.Library:
    for name, colour, words in (("a", "red", "a red barn"), ("b", "blue", "the blue sea"), ("c", "red", "A red barn")):
        picture = paint(tmp_path / f"photos/{name}.png", colour)
        picture.with_suffix(".txt").write_text(words)
    library = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    library.index(tmp_path / "photos")
    return library


def test_the_nearest_texts_come_first_and_each_wording_once(tmp_path: Path, library: photoseek.Library) -> None:
    records = [hit.image for hit in library.search("red")]
    assert sorted(text.body for texts in library.texts.of(records).values() for text in texts) == [
        "A red barn",
        "a red barn",
        "the blue sea",
    ]
    hits = library.texts.search(paint(tmp_path / "crimson.png", "red"))
    assert [(hit.text.body, hit.image.path.name, hit.score) for hit in hits] == [
        ("a red barn", "a.png", 1.0),
        ("the blue sea", "b.png", 0.0),
    ]
    assert [hit.text.body for hit in library.texts.search_words("blue", k=1)] == ["the blue sea"]


def test_as_many_wordings_come_as_were_asked_for_however_often_one_repeats(tmp_path: Path) -> None:
    for number in range(30):
        paint(tmp_path / f"photos/{number:02}.png", "red").with_suffix(".txt").write_text("red")
    paint(tmp_path / "photos/sea.png", "blue").with_suffix(".txt").write_text("blue")
    library = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    library.index(tmp_path / "photos")
    hits = library.texts.search(tmp_path / "photos/00.png", k=2)
    assert [hit.text.body for hit in hits] == ["red", "blue"]


def test_texts_of_vanished_images_are_silent(tmp_path: Path, library: photoseek.Library) -> None:
    (tmp_path / "photos/b.png").unlink()
    library.index(tmp_path / "photos")
    assert [hit.text.body for hit in library.texts.search_words("blue")] == ["a red barn"]


def test_fewer_than_one_text_cannot_be_asked_for(library: photoseek.Library) -> None:
    with pytest.raises(photoseek.QueryError, match="0 texts"):
        library.texts.search_words("red", k=0)


def test_hits_carry_where_the_words_come_from(library: photoseek.Library) -> None:
    [hit] = library.texts.search_words("blue", k=1)
    assert json.dumps([hit.text.source, hit.text.kind]) == '["sidecar", "caption"]'
