"""The explore page: the whole library on a plane, in clusters with words for them, to look around in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from ..library.checks.base import counted
from ..library.types import Hit
from ..search.layout import LayoutMethod, best_method
from ..search.library_map import LibraryMap, MapOptions
from ..search.query.query import KnownImage
from .address import go_to_search, read_state
from .component import told
from .empty import image_count, show_emptiness
from .escaping import literal
from .grid import GridLook, Tile, grid
from .image_detail import open_image, search_like, show_image
from .map_view import images_of, show_map, sorted_by_place, words_of
from .resources import Resources, current
from .selection import offer_downloads
from .state import MOST_PARTS, Part, SearchState

_MAP: Final = "map"
_GRID: Final = "explored"
_CHOICE: Final = "explored_choice"
_SHOWN: Final = 60
_MOST_FOR_UMAP: Final = 3_000
"""Of more pictures the quick arrangement is shown first: UMAP takes minutes over ten thousand on a small machine."""

_METHODS: Final[dict[LayoutMethod, str]] = {"umap": "By neighbourhood", "pca": "By main differences"}


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen on the map: a cluster by its number, or pictures that were drawn around."""

    cluster: int | None
    ids: tuple[int, ...]


def show() -> None:
    """Draw the map, and below it what was chosen on it."""
    resources = current()
    count = image_count(resources)
    if not count:
        show_emptiness(resources)
        return
    drawn = _drawn(_method(count), resources)
    choice: _Choice | None = st.session_state.get(_CHOICE)
    show_map(drawn, None if choice is None else choice.cluster, resources, _MAP, _EVENTS)
    sample = f"{len(drawn.ids):,} of {drawn.images:,} pictures, drawn by lot. " if len(drawn.ids) < drawn.images else ""
    st.caption(f"{sample}Like pictures lie near one another; the directions themselves mean nothing.")
    if choice is not None:
        _show_choice(choice, drawn, resources)
    opened = read_state().opened
    if opened is not None:
        show_image(opened)


def _method(count: int) -> LayoutMethod:
    if best_method() == "pca":
        return "pca"
    first: LayoutMethod = "umap" if count <= _MOST_FOR_UMAP else "pca"
    chosen = st.segmented_control(
        "Arrange", list(_METHODS), format_func=_METHODS.__getitem__, default=first, label_visibility="collapsed"
    )
    return chosen or first


def _drawn(method: LayoutMethod, resources: Resources) -> LibraryMap:
    """Return the map; the first time takes a while, and says so."""
    waiting = st.empty()

    def told_words(done: int, total: int) -> None:
        waiting.progress(done / total, f"Learning {total:,} words, once for this model…")

    with st.spinner("Drawing the map, once until much has changed…", show_time=True):
        drawn = resources.library.map(MapOptions(method), progress=told_words)
    waiting.empty()
    return drawn


def _show_choice(choice: _Choice, drawn: LibraryMap, resources: Resources) -> None:
    ids = choice.ids if choice.cluster is None else images_of(drawn, choice.cluster)
    images = sorted_by_place(drawn, resources.library.images(ids))
    if not images or (choice.cluster or 0) >= len(drawn.clusters):
        return
    title = "Chosen with the lasso" if choice.cluster is None else words_of(drawn.clusters[choice.cluster])
    with st.container(horizontal=True, vertical_alignment="center", key="chosen_on_map"):
        st.markdown(f"**{literal(title)}** :gray[· {counted(len(images), 'picture')}]", width="content")
        if st.button("Search by these", icon=":material/image_search:", type="primary"):
            go_to_search(SearchState().asking("", [Part(KnownImage(image_id)) for image_id in _spread(ids)]))
        offer_downloads([Hit(image, 0.0) for image in images])
        st.button("Clear", icon=":material/close:", on_click=_clear, type="tertiary")
    shown = st.session_state.get("explored_shown", _SHOWN)
    look = GridLook(title, has_more=len(images) > shown, row_px=150)
    events = {"opened": _opened_tile, "liked": _liked_tile, "more": _more}
    grid([Tile(image) for image in images[:shown]], resources.pictures, look, _GRID, events)
    if st.session_state.pop("explored_liked", False):
        go_to_search(read_state())


def _spread(ids: list[int] | tuple[int, ...]) -> list[int]:
    """Return as many of the ids as one question takes, spread evenly."""
    step = max(1, -(-len(ids) // MOST_PARTS))
    return list(ids[::step])


def _choose(choice: _Choice | None) -> None:
    st.session_state[_CHOICE] = choice
    st.session_state["explored_shown"] = _SHOWN


def _picked() -> None:
    number = told(_MAP, "picked")
    if isinstance(number, int):
        _choose(_Choice(number, ()))


def _lassoed() -> None:
    ids = told(_MAP, "lassoed")
    if isinstance(ids, list):
        chosen = tuple(image_id for image_id in ids if isinstance(image_id, int))
        _choose(_Choice(None, chosen) if chosen else None)


def _opened_dot() -> None:
    open_image(told(_MAP, "opened"))


def _opened_tile() -> None:
    open_image(told(_GRID, "opened"))


def _liked_tile() -> None:
    search_like(told(_GRID, "liked"))
    st.session_state["explored_liked"] = True


def _more() -> None:
    st.session_state["explored_shown"] = st.session_state.get("explored_shown", _SHOWN) + _SHOWN


def _clear() -> None:
    _choose(None)


_EVENTS: Final = {"opened": _opened_dot, "picked": _picked, "lassoed": _lassoed}
