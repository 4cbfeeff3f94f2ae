"""The filters, offering what the library really holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import streamlit as st

from ..library.catalog.browsing import Choice, Facets
from ..library.images.colours import COLOUR_NAMES
from .resources import current
from .state import LONGEST_TEXT, Filters, SearchState, read_state, write_state

_SIDES_PX: Final = (640, 1_280, 1_920, 3_840)
_EARLIEST: Final = date(1826, 1, 1)
"""No photograph is older than Niépce's view from his window."""

_PREFIX: Final = "filter_"
_FOLD: Final = "fold"
_MOST_FOLDERS: Final = 500
_SWATCHES: Final = {
    "black": "⚫",
    "grey": "🩶",
    "white": "⚪",
    "red": "🔴",
    "orange": "🟠",
    "brown": "🟤",
    "yellow": "🟡",
    "green": "🟢",
    "blue": "🔵",
    "purple": "🟣",
    "pink": "🩷",
}


def show_filters(state: SearchState, facets: Facets) -> None:
    """Draw the button that opens them, and them."""
    count = state.filters.count
    with st.popover(f"Filters · {count}" if count else "Filters", icon=":material/tune:", key="filters"):
        _seed(state.filters)
        st.session_state[_FOLD] = state.fold
        st.text_input(
            "Name, caption or keyword",
            key=f"{_PREFIX}text",
            max_chars=LONGEST_TEXT,
            placeholder="Words that it holds",
            on_change=_changed,
        )
        _dates(facets)
        _select(
            "folder",
            "Folder",
            _folders(state.filters.folder),
            is_free=True,
        )
        if facets.cameras or state.filters.cameras:
            _several("cameras", "Camera", facets.cameras, state.filters.cameras)
        if len(facets.formats) > 1 or state.filters.formats:
            _several("formats", "Format", facets.formats, state.filters.formats)
        st.pills(
            "Colours",
            COLOUR_NAMES,
            selection_mode="multi",
            key=f"{_PREFIX}colours",
            format_func=lambda name: f"{_SWATCHES[name]} {name}",
            on_change=_changed,
        )
        _select("side_px", "Longer side, at least", _SIDES_PX)
        if facets.ratings or state.filters.rating:
            _select("rating", "Stars, at least", (1, 2, 3, 4, 5))
        if facets.captioned or state.filters.captioned:
            st.checkbox("Has a caption", key=f"{_PREFIX}captioned", on_change=_changed)
        st.checkbox("Fold what is nearly the same", key=_FOLD, on_change=_folded)
        if state.filters.area is not None:
            st.button("Taken anywhere", icon=":material/location_off:", on_click=_anywhere, width="stretch")
        if count:
            st.button("Clear filters", on_click=_cleared, width="stretch")


def _folders(chosen: str) -> tuple[str, ...]:
    """Return the folders to choose from, as this visitor may know them: those with most pictures, by name."""
    resources = current()
    counts = resources.library.overviews.folders()
    largest = sorted(sorted(counts, key=counts.__getitem__, reverse=True)[:_MOST_FOLDERS])
    if resources.options.is_shared:
        roots = [f"{root.path}/" for root in resources.library.roots()]
        largest = [path.removeprefix(root) for path in largest for root in roots if path.startswith(root)]
    return tuple(dict.fromkeys(filter(None, (*largest, chosen))))


def _dates(facets: Facets) -> None:
    if facets.earliest is None or facets.latest is None:
        return
    earliest, latest = (max(_EARLIEST, moment.date()) for moment in (facets.earliest, facets.latest))
    for column, name, label in zip(st.columns(2), ("after", "before"), ("Taken from", "to"), strict=True):
        chosen = st.session_state.get(f"{_PREFIX}{name}")
        least, most = min(earliest, chosen or earliest), max(latest, chosen or latest)
        column.date_input(
            label, value=None, min_value=least, max_value=most, key=f"{_PREFIX}{name}", on_change=_changed
        )


def _select(name: str, label: str, values: tuple[str, ...] | tuple[int, ...], *, is_free: bool = False) -> None:
    st.selectbox(
        label,
        values,
        index=None,
        format_func=lambda value: f"{value:,} px" if name == "side_px" else str(value),
        placeholder="Any, or a part of a path" if is_free else "Any",
        accept_new_options=is_free,
        key=f"{_PREFIX}{name}",
        on_change=_changed,
    )


def _several(name: str, label: str, choices: tuple[Choice, ...], chosen: tuple[str, ...]) -> None:
    counts = {choice.value: choice.count for choice in choices}

    def worded(value: str) -> str:
        return f"{value} ({counts[value]:,})" if value in counts else value

    options = [*counts, *(value for value in chosen if value not in counts)]
    st.multiselect(label, options, format_func=worded, placeholder="Any", key=f"{_PREFIX}{name}", on_change=_changed)


def _seed(filters: Filters) -> None:
    """Have the widgets show the address's filters, whatever they showed before."""
    values = {
        "after": filters.after,
        "before": filters.before,
        "folder": filters.folder or None,
        "cameras": list(filters.cameras),
        "formats": list(filters.formats),
        "side_px": filters.side_px,
        "rating": filters.rating,
        "captioned": filters.captioned,
        "text": filters.text,
        "colours": [colour for colour in filters.colours if colour in COLOUR_NAMES],
    }
    for name, value in values.items():
        st.session_state[f"{_PREFIX}{name}"] = value


def chosen_filters() -> Filters:
    """Return what the widgets say; one that is not shown says nothing."""
    said = {name.removeprefix(_PREFIX): st.session_state[name] for name in st.session_state if _is_ours(name)}
    return Filters(
        said.get("after"),
        said.get("before"),
        said.get("folder") or "",
        tuple(said.get("cameras") or ()),
        tuple(said.get("formats") or ()),
        said.get("rating"),
        said.get("side_px"),
        bool(said.get("captioned")),
        str(said.get("text") or "").strip(),
        tuple(said.get("colours") or ()),
        read_state().filters.area,
    )


def _is_ours(name: str | int) -> bool:
    return isinstance(name, str) and name.startswith(_PREFIX)


def _changed() -> None:
    write_state(read_state().filtered(chosen_filters()))


def _folded() -> None:
    write_state(replace(read_state(), fold=bool(st.session_state[_FOLD])))


def _anywhere() -> None:
    write_state(read_state().filtered(replace(chosen_filters(), area=None)))


def _cleared() -> None:
    write_state(read_state().filtered(Filters()))
