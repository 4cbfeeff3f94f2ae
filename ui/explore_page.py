"""The explore page: the whole library on a plane, in clusters with words for them, to look around in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st

from .. import Cluster, Hit, ImageRecord, KnownImage, LibraryMap, MapOptions
from ..search.map_layout import LayoutMethod, best_method
from .components import Events, counted, learning_progress, literal, mount, told
from .empty import image_count, show_emptiness
from .grid import GridLook, Tile, grid, shown_name
from .images import Shape
from .resources import Resources, current
from .selection import offer_downloads
from .state import MOST_PARTS, Part, SearchState, go_to_search, read_state
from .viewer import leave_for_like, show_viewer

_STEPS: Final = 65_535
"""Into which each side of the map is cut: finer than any screen."""

_WORDS: Final = {
    "lasso": "Lasso",
    "lassoHelp": "Draw around pictures to choose them",
    "closer": "Closer",
    "further": "Further away",
    "all": "Show all",
    "clusters": "Clusters",
    "hint": "Drag to move · click, then scroll to zoom · Lasso, or Shift and drag, to choose · arrow keys and Enter",
}


def show_map(drawn: LibraryMap, picked: int | None, resources: Resources, key: str, events: Events) -> None:
    """Draw a map; `told(key, event)` says what happened.

    Events: `picked` tells the number of a cluster, `lassoed` ids.
    """
    version = resources.library.version()
    data = _map_data(drawn.method, version, drawn, resources)
    mount("map", key, {**data, "picked": picked, "words": _WORDS}, events)


def words_of(cluster: Cluster) -> str:
    """Return the words for a cluster in one line."""
    return ", ".join(cluster.labels)


@st.cache_data(max_entries=4, show_spinner=False)
def _map_data(method: str, version: int, _drawn: LibraryMap, _resources: Resources) -> dict[str, object]:
    """Return what the script needs; remembered by what names the map, since it holds thousands of addresses."""
    records = _resources.library.images(_drawn.ids.tolist())
    kept = [row for row, image_id in enumerate(_drawn.ids.tolist()) if image_id in records]
    images = [records[int(_drawn.ids[row])] for row in kept]
    places = (_drawn.places[kept] * _STEPS).astype(int)
    addresses = [_resources.pictures.address(image, Shape.GRID) for image in images]
    base = addresses[0].rpartition("/")[0] + "/" if addresses else ""
    row_of = {image.id: row for row, image in enumerate(images)}
    shared = f"{counted(len(images), 'picture')} in {counted(len(_drawn.clusters), 'cluster')}"
    return {
        "key": f"{method}-{version}",
        "label": f"Map of {shared}. Arrow keys go from picture to picture, Enter opens one.",
        "ids": [image.id for image in images],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "cluster": _drawn.members[kept].tolist(),
        "base": base,
        "pictures": [address.removeprefix(base) for address in addresses],
        "names": [shown_name(image) for image in images],
        "clusters": [_cluster_data(cluster, row_of) for cluster in _drawn.clusters],
    }


def _cluster_data(cluster: Cluster, row_of: dict[int, int]) -> dict[str, object]:
    return {
        "word": cluster.labels[0] if cluster.labels else "",
        "more": ", ".join(cluster.labels[1:]),
        "words": words_of(cluster),
        "count": cluster.count,
        "x": cluster.x,
        "y": cluster.y,
        "example": row_of.get(cluster.example, 0),
    }


def images_of(drawn: LibraryMap, number: int) -> list[int]:
    """Return the ids of one cluster's images, ascending."""
    return [int(image_id) for image_id in drawn.ids[drawn.members == number]]


def sorted_by_place(drawn: LibraryMap, records: dict[int, ImageRecord]) -> list[ImageRecord]:
    """Return records in the order in which the map has their images: from left to right."""
    left = dict(zip(drawn.ids.tolist(), drawn.places[:, 0].tolist(), strict=True))
    return sorted(records.values(), key=lambda record: (left.get(record.id, 0.0), record.id))


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
    show_viewer(read_state().opened)


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
    with st.spinner("Drawing the map, once until much has changed…", show_time=True):
        drawn = resources.library.map(MapOptions(method), progress=learning_progress(waiting))
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
    events = {"liked": _liked_tile, "more": _more}
    grid([Tile(image) for image in images[:shown]], resources.pictures, look, _GRID, events)


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


def _liked_tile() -> None:
    leave_for_like(told(_GRID, "liked"))


def _more() -> None:
    st.session_state["explored_shown"] = st.session_state.get("explored_shown", _SHOWN) + _SHOWN


def _clear() -> None:
    _choose(None)


_EVENTS: Final = {"picked": _picked, "lassoed": _lassoed}
