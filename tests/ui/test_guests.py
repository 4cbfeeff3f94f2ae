"""What guests are told: everything about the pictures, and nothing about where on the server they lie."""

from __future__ import annotations

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
    said = guest(guarded_server).drawn("", f"image={painted_id}")
    assert str(sample_library.parent).encode() not in said
    assert b"painted/red.png" in said
    assert str(folder / "painted" / "red.png").encode() in owner(sample_server).drawn("", f"image={painted_id}")


def test_a_guest_cannot_find_out_the_servers_folders_by_filtering(
    guarded_server: str, sample_server: str, sample_library: Path
) -> None:
    above = str(sample_library.parent)
    for part in (above, f"{above}/photos", sample_library.parent.name):
        assert b"red.png" not in guest(guarded_server).drawn("", f"in={part}")
        assert b"red.png" in owner(sample_server).drawn("", f"in={part}")
    assert b"red.png" in guest(guarded_server).drawn("", "in=painted/r")
