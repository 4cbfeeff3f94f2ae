"""IPTC blocks give their words, in the encoding they are in, bare or among Photoshop's resources."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.images.metadata.image_text import ImageText
from photoseek.library.images.metadata.iptc import iptc_in_photoshop, read_iptc
from photoseek.tests.support.packets import iptc_block, photoshop_resources

WORDS = iptc_block(
    (2, 0, b"\0\2"), (2, 5, b"The pier"), (2, 120, b"Two dogs on a pier"), (2, 25, b"dog"), (2, 25, b"pier")
)


def test_title_caption_and_every_keyword_are_read() -> None:
    assert read_iptc(WORDS) == [
        ImageText("iptc", "title", "The pier"),
        ImageText("iptc", "caption", "Two dogs on a pier"),
        ImageText("iptc", "keyword", "dog"),
        ImageText("iptc", "keyword", "pier"),
    ]


def test_the_block_is_found_among_photoshops_resources() -> None:
    assert iptc_in_photoshop(photoshop_resources(WORDS)) == WORDS
    assert iptc_in_photoshop(photoshop_resources(b"")) == b""
    assert iptc_in_photoshop(b"no resources at all") == b""


def test_western_bytes_are_read_where_utf_8_is_not_declared() -> None:
    assert [text.body for text in read_iptc(iptc_block((2, 25, "Küste".encode("cp1252"))))] == ["Küste"]
    assert [text.body for text in read_iptc(iptc_block((2, 25, "Küste".encode())))] == ["Küste"]
    declared = iptc_block((1, 90, b"\x1b%G"), (2, 25, "Ufer 渚".encode()))
    assert [text.body for text in read_iptc(declared)] == ["Ufer 渚"]


def test_a_block_cut_short_tells_what_it_has_told() -> None:
    assert [text.body for text in read_iptc(WORDS[:-2])] == ["The pier", "Two dogs on a pier", "dog"]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for block in (data, b"\x1c\x02" + data, WORDS + data):
        assert all(text.body.isprintable() for text in read_iptc(block))
    assert iptc_in_photoshop(b"8BIM" + data) in data
    iptc_in_photoshop(photoshop_resources(WORDS)[: len(data)] + data)
