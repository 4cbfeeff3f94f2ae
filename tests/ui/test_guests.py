"""What guests are told: everything about the pictures, and nothing about where on the server they lie."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import photoseek
from photoseek.tests.support.browser import PASSWORD
from photoseek.tests.support.visitors import Visitor

pytest.importorskip("streamlit", reason="pages are not tested: streamlit is not installed")
pytest.importorskip("websockets", reason="pages are not tested: websockets is not installed")

_PAGES = ["", "explore", "describe", "duplicates", "library", "evaluate"]


def owner(address: str) -> Visitor:
    return Visitor(address)


def guest(address: str) -> Visitor:
    visitor = Visitor(address)
    visitor.give_password(PASSWORD)
    return visitor


@pytest.fixture(scope="module")
def painted_id(sample_library: Path) -> int:
    """The id of a picture in a folder below the one that was indexed."""
    with photoseek.open(sample_library) as library:
        return next(image.id for image in library.newest(50) if image.path.name == "red.png")


def facts(visitor: Visitor, image_id: int) -> str:
    """Return what the viewer is told of a picture, which it may ask for by the signature of the thumbnail."""
    drawn = visitor.drawn("", f"image={image_id}")
    found = re.search(rb"/pictures/grid/%d\?v=[0-9a-f]+&k=([0-9a-f]+)" % image_id, drawn)
    assert found is not None
    answered = visitor.ask(f"/pictures/facts/{image_id}?k={found[1].decode()}")
    assert answered.status == 200
    return answered.body.decode()


@pytest.mark.parametrize(
    ("page", "query"), [*((page, "") for page in _PAGES), ("", "q=a+cat"), ("", "q=a&t=id:999"), ("", "image=9999")]
)
def test_no_page_tells_a_guest_where_on_the_server_anything_lies(
    guarded_server: str, sample_library: Path, page: str, query: str
) -> None:
    said = guest(guarded_server).drawn(page, query)
    assert len(said) > 500
    for folder in (sample_library.parent, Path(photoseek.__file__).resolve().parent):
        assert str(folder).encode() not in said


def test_a_guest_who_opens_a_picture_sees_its_place_below_what_was_indexed(
    guarded_server: str, sample_server: str, sample_library: Path, painted_id: int
) -> None:
    folder = sample_library.parent / "photos"
    said = facts(guest(guarded_server), painted_id)
    assert str(sample_library.parent) not in said
    assert "painted/red.png" in said
    assert str(folder / "painted" / "red.png") in facts(owner(sample_server), painted_id)


def test_nobody_is_told_of_a_picture_whose_thumbnail_was_not_shown(guarded_server: str, painted_id: int) -> None:
    visitor = guest(guarded_server)
    for what in ("facts/{}", "similar/{}", "labels/{}", "tile/{}/0/0/0"):
        for signature in ("", "?k=", f"?k={'0' * 32}"):
            assert visitor.ask(f"/pictures/{what.format(painted_id)}{signature}").status == 404
    assert visitor.ask(f"/pictures/ask/{painted_id}?k=", "POST", b"What is it?").status == 404


def test_a_guest_cannot_find_out_the_servers_folders_by_filtering(
    guarded_server: str, sample_server: str, sample_library: Path
) -> None:
    above = str(sample_library.parent)
    for part in (above, f"{above}/photos", sample_library.parent.name):
        assert b"red.png" not in guest(guarded_server).drawn("", f"in={part}")
        assert b"red.png" in owner(sample_server).drawn("", f"in={part}")
    assert b"red.png" in guest(guarded_server).drawn("", "in=painted/r")
