"""Paths of any bytes, as the catalogue stores them: read as they were, and in the order of the paths."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.catalog.path_text import restored, stored

# Where order could break: around the surrogates, and the character that marks them.
NAMES = st.text(
    st.sampled_from("a/z\u0001\u00e9\ud7fe\ud7ff\ud800\udc80\udce9\udcff\udfff\ue000\U0001f600"), max_size=6
)


@given(NAMES | st.text(st.characters(exclude_categories=())))
def test_every_path_is_read_as_it_was_and_is_text_between(path: str) -> None:
    assert restored(stored(path)) == path
    assert stored(path).encode().decode() == stored(path)


@given(NAMES, NAMES)
def test_stored_paths_sort_as_paths_do(one: str, other: str) -> None:
    assert (stored(one) < stored(other)) == (one < other)


@given(st.binary(max_size=20))
def test_names_of_any_bytes_are_kept(name: bytes) -> None:
    assert os.fsencode(restored(stored(os.fsdecode(name)))) == name


def test_usual_names_are_stored_as_they_are() -> None:
    for name in ("/photos/a.jpg", "/Fotos/K\u00fcste \u65e5\u672c \U0001f408.jpg"):
        assert stored(name) is name or stored(name) == name
