"""The viewer over a page: one picture large, its neighbours a key away, and what is known of it beside it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import Box, KnownImage
from .components import mount, told
from .picture_facts import item_of
from .resources import current
from .state import LONGEST_TEXT, Part, SearchState, go_to_search, read_state, write_state

_VIEWER: Final = "viewer"
_LEAVING: Final = "leaving_viewer"
_MOST_PARAMETERS: Final = 20

_WORDS: Final = {
    "viewer": "Picture viewer",
    "close": "Close",
    "previous": "Previous picture",
    "next": "Next picture",
    "closer": "Zoom in",
    "further": "Zoom out",
    "full": "Full screen",
    "about": "About this picture",
    "like": "More like this",
    "save": "Download",
    "copy": "Copy path",
    "copied": "Copied",
    "gone": "This picture cannot be read any more.",
    "absent": "This picture is not here any more.",
    "labels": "What it may show",
    "keywords": "Keywords",
    "looking": "Looking for words…",
    "similar": "Similar pictures",
    "ask": "Ask about this picture",
    "send": "Ask",
    "thinking": "Looking…",
    "failed": "There is no answer: the server cannot be reached.",
    "place": "Where it was taken",
    "program": "Open in your maps",
    "search": "Search for",
}


def show_viewer(opened: int | None = None, box: Box | None = None, *, on_search: bool = False) -> None:
    """Mount the viewer, which the page's grids and maps open by themselves.

    `opened` is the picture that the address speaks of: a visit that begins with it begins with the viewer. `box` is
    framed in it. What was clicked in it is looked for `on_search`, or else leads there.
    """
    if st.session_state.pop(_LEAVING, False) and not on_search:
        go_to_search(read_state())
    resources = current()
    first: dict[str, object] | None = None
    if opened is not None:
        image = resources.library.images([opened]).get(opened)
        first = {"id": opened, "name": _WORDS["absent"]} if image is None else item_of(image, resources)
        if box is not None:
            first["box"] = [box.left, box.top, box.right, box.bottom]
    data = {
        "opened": first,
        "world": f"{resources.pictures.prefix}/world",
        "longest": LONGEST_TEXT,
        "words": _WORDS,
    }
    mount("viewer", _VIEWER, data, {"wanted": _wanted})


def search_like(image_id: object) -> None:
    """Have the address ask for more pictures like this one alone."""
    if isinstance(image_id, int):
        write_state(read_state().asking("", [Part(KnownImage(image_id))]))


def leave_for_like(image_id: object) -> None:
    """Have the search page, once this one is drawn, show more pictures like this one."""
    search_like(image_id)
    st.session_state[_LEAVING] = True


def _wanted() -> None:
    """Have the address ask for what was clicked in the viewer: its parameters come from there."""
    wanted = told(_VIEWER, "wanted")
    if not isinstance(wanted, dict) or len(wanted) > _MOST_PARAMETERS:
        return
    params = {
        str(name): [str(value) for value in values] for name, values in wanted.items() if isinstance(values, list)
    }
    write_state(SearchState.from_params(params))
    st.session_state[_LEAVING] = True
