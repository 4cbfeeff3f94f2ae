"""The places page: where on the earth pictures were taken, on a map, and the pictures of the part in sight."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from ..library.catalog.conditions import Area
from .components import counted, mount, told
from .empty import image_count, show_emptiness
from .grid import GridLook, Tile, grid
from .resources import Resources, current
from .state import Filters, SearchState, go_to_search, read_area
from .viewer import leave_for_like, show_viewer

_MAP: Final = "places"
_GRID: Final = "placed"
_AREA: Final = "places_area"
_SHOWN: Final = "places_shown"
_PAGE: Final = 60
_WORDS: Final = {
    "label": "Map of where pictures were taken. Arrow keys move it, plus and minus zoom.",
    "more": "pictures here",
    "credit": "Coasts and borders: Natural Earth",
}


def show() -> None:
    """Draw the map, and below it the pictures that were taken within it."""
    resources = current()
    if not image_count(resources):
        show_emptiness(resources)
        return
    placed = resources.library.facets().placed
    if not placed:
        st.markdown("#### No picture says where it was taken")
        st.caption("Cameras and phones note it in a picture's EXIF data, where that is switched on.")
        return
    area: Area | None = st.session_state.get(_AREA)
    address = f"{resources.pictures.prefix}/places?k={resources.pictures.sign('places')}"
    data = {"world": f"{resources.pictures.prefix}/world", "spots": address, "words": _WORDS}
    mount("places", _MAP, data, {"moved": _moved})
    _show_pictures(area, placed, resources)
    show_viewer()


def _show_pictures(area: Area | None, placed: int, resources: Resources) -> None:
    where = area or Area(-90.0, -180.0, 90.0, 180.0)
    count = resources.library.count(where)
    with st.container(horizontal=True, vertical_alignment="center", key="places_bar"):
        st.markdown(f"**{counted(count, 'picture')} here** :gray[· {placed:,} have a place]", width="stretch")
        if st.button("Search among these", icon=":material/search:", type="primary", disabled=not count):
            go_to_search(SearchState(filters=replace(Filters(), area=where)))
    shown = st.session_state.get(_SHOWN, _PAGE)
    images = resources.library.browse(shown, where)
    look = GridLook("Pictures taken here", has_more=len(images) < count, row_px=150)
    grid([Tile(image) for image in images], resources.pictures, look, _GRID, {"liked": _like, "more": _more})


def _moved() -> None:
    """Note the part of the earth in sight; the widest sight is everywhere."""
    area = read_area(str(told(_MAP, "moved") or ""))
    st.session_state[_AREA] = area
    st.session_state[_SHOWN] = _PAGE


def _like() -> None:
    leave_for_like(told(_GRID, "liked"))


def _more() -> None:
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE) + _PAGE
