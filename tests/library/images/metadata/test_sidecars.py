"""Captions beside an image are read in every form they come in, and their state shows every change of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.indexer.discover import discover
from photoseek.library.images.metadata.image_text import ImageText, Sidecar
from photoseek.library.images.metadata.sidecars import _read, read_sidecars
from photoseek.library.images.sources import FileState
from photoseek.tests.support.fakes import paint
from photoseek.tests.support.packets import alternatives, bag, xmp_packet


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return paint(tmp_path / "IMG 1.png", "red")


def state(image: Path) -> str:
    [file] = discover(str(image.parent))
    assert isinstance(file, FileState)
    [by_name] = discover(str(image))
    assert isinstance(by_name, FileState)
    assert by_name.sidecars == file.sidecars
    return file.sidecars


def told(image: Path) -> list[tuple[str, str]]:
    """(kind, words) of the sidecars as they are found."""
    return [(text.kind, text.body) for text in read_sidecars(str(image), state(image), str(image.parent)).texts]


@pytest.mark.parametrize("name", ["IMG 1.txt", "IMG 1.png.txt", "IMG 1.TXT"])
def test_a_text_file_of_the_images_name_is_its_caption(image: Path, name: str) -> None:
    (image.parent / name).write_text("Zwei Hunde\nauf dem Steg\n", encoding="utf-8")
    assert told(image) == [("caption", "Zwei Hunde auf dem Steg")]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_texts_are_read_in_the_encodings_people_have(image: Path, codec: str) -> None:
    image.with_suffix(".txt").write_bytes("Küste".encode(codec))
    assert told(image) == [("caption", "Küste")]


def test_json_gives_what_its_keys_say(image: Path) -> None:
    image.with_suffix(".json").write_text(
        json.dumps(
            {
                "caption": "Two dogs",
                "description": "seen from the pier",
                "title": "Dogs",
                "keywords": ["dog", "pier", 7, None],
                "tags": "sea, summer",
                "url": "http://example.org/1.jpg",
                "width": 640,
            }
        )
    )
    assert told(image) == [
        ("caption", "Two dogs"),
        ("caption", "seen from the pier"),
        ("title", "Dogs"),
        *(("keyword", word) for word in ("dog", "pier", "sea", "summer")),
    ]


def test_a_title_that_is_the_files_name_says_nothing(image: Path) -> None:
    image.with_suffix(".png.json").write_text(json.dumps({"title": image.name}))
    assert state(image) != ""
    assert told(image) == []


def test_an_xmp_file_gives_words_and_a_rating(image: Path) -> None:
    words = alternatives("dc:description", x_default="Two dogs") + bag("dc:subject", "dog")
    image.with_suffix(".xmp").write_bytes(xmp_packet('xmp:Rating="2"', words))
    assert read_sidecars(str(image), state(image), str(image.parent)) == Sidecar(
        (ImageText("sidecar", "caption", "Two dogs"), ImageText("sidecar", "keyword", "dog")), 2
    )


def test_the_same_caption_in_two_files_is_kept_once(image: Path) -> None:
    image.with_suffix(".txt").write_text("Two dogs")
    image.with_suffix(".json").write_text(json.dumps({"caption": "two dogs"}))
    assert told(image) == [("caption", "two dogs")]


def test_every_change_of_a_sidecar_shows_in_the_state(image: Path) -> None:
    sidecar = image.with_suffix(".txt")
    states = [state(image)]
    sidecar.write_text("one")
    states.append(state(image))
    sidecar.write_text("longer")
    states.append(state(image))
    image.with_suffix(".json").write_text("{}")
    states.append(state(image))
    sidecar.unlink()
    states.append(state(image))
    assert states[0] == ""
    assert len(set(states)) == len(states)


def test_what_is_no_sidecar_of_it_is_left_alone(image: Path) -> None:
    for name in ("IMG.txt", "other.txt", "IMG 1.md", "IMG 1.png.bak"):
        (image.parent / name).write_text("words")
    (image.parent / "IMG 1.json").mkdir()
    assert state(image) == ""


def test_a_sidecar_that_cannot_be_read_says_nothing(image: Path) -> None:
    image.with_suffix(".txt").write_text("words")
    image.with_suffix(".json").write_text("[" * 100_000)
    found = state(image)
    image.with_suffix(".txt").unlink()
    assert read_sidecars(str(image), found, str(image.parent)) == Sidecar()
    image.with_suffix(".txt").write_bytes(b"x" * (2 << 20))
    assert read_sidecars(str(image), found, str(image.parent)) == Sidecar()


@given(st.binary(max_size=300), st.sampled_from([".txt", ".json", ".jpg.xmp"]))
def test_no_bytes_make_it_raise(data: bytes, end: str) -> None:
    assert all(text.body.isprintable() for text in _read(data, end, "IMG.jpg").texts)


KEYS = st.sampled_from(["caption", "title", "tags", "keywords", "other"])
SCALARS = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_no_json_makes_it_raise(value: object) -> None:
    assert all(text.body.isprintable() for text in _read(json.dumps(value).encode(), ".json", "IMG.jpg").texts)
