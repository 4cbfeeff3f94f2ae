"""Words are cleaned, bounded and kept once; what cameras write of themselves is not kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.images.metadata.image_text import ImageText, distinct, texts_of


def bodies(kind: str, *written: str) -> list[str]:
    return [text.body for text in texts_of("xmp", kind, written)]  # type: ignore[arg-type]


def test_blanks_are_folded_and_what_says_nothing_is_left_out() -> None:
    assert bodies("caption", "  two\n\tdogs ", "", " \0 ", "---", "a") == ["two dogs", "a"]


@pytest.mark.parametrize("noise", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "dav", "Untitled"])
def test_what_cameras_write_of_themselves_is_left_out(noise: str) -> None:
    assert bodies("caption", noise) == []


def test_a_text_of_each_kind_has_its_length() -> None:
    long = "word " * 100_000
    assert [len(bodies(kind, long)[0]) for kind in ("caption", "title", "keyword")] == [1_999, 299, 99]


def test_a_text_is_kept_once_of_its_kind_and_the_first_source_goes_before() -> None:
    xmp, iptc = ImageText("xmp", "keyword", "Dog"), ImageText("iptc", "keyword", "dog")
    title = ImageText("iptc", "title", "dog")
    assert distinct([xmp, iptc, title]) == (xmp, title)


def test_no_more_than_64_texts_are_kept() -> None:
    assert len(distinct(texts_of("xmp", "keyword", map(str, range(1_000))))) == 64


@given(st.text())
def test_whatever_is_kept_can_be_stored_and_shown(written: str) -> None:
    for body in bodies("caption", written):
        assert body.isprintable()
        body.encode()
