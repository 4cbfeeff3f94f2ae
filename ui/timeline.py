"""Browsing by date: the order, headings by month, and a line of all months to jump along."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import date
from typing import Final

import streamlit as st

from .. import ImageRecord
from ..library.catalog.overviews import BrowseOrder
from .components import counted, mount, told
from .places import roots_for_guests
from .query_builder import as_condition
from .resources import Resources
from .state import PAGE, SearchState, read_state, write_state

_ORDERS: Final = {
    BrowseOrder.NEWEST: "Newest first",
    BrowseOrder.OLDEST: "Oldest first",
    BrowseOrder.ADDED: "Last added",
    BrowseOrder.NAME: "By name",
}
_LEAST_IN_MONTH: Final = 5
"""Pictures that a month must have on average to be a heading; years are, else."""

_KEY: Final = "timeline"
_WORDS: Final = {"label": "Pictures by month", "all": "All dates"}


def show_order(state: SearchState) -> None:
    """Draw the choice of the order in which a library is browsed."""
    st.session_state["browse_order"] = state.order
    st.selectbox(
        "Order",
        _ORDERS,
        format_func=_ORDERS.__getitem__,
        key="browse_order",
        on_change=_ordered,
        label_visibility="collapsed",
        width=150,
    )


def show_timeline(state: SearchState, resources: Resources) -> None:
    """Draw how many pictures each month has, to go to one; nothing where they are all of one month."""
    undated = replace(state.filters, after=None, before=None)
    months = resources.library.overviews.months(as_condition(undated, roots_for_guests(resources)))
    if len(months) < 2:
        return
    data = {
        "months": [[month.year, month.month, month.count] for month in months],
        "titles": [f"{date(month.year, month.month, 1):%B %Y}: {counted(month.count, 'picture')}" for month in months],
        "from": state.filters.after.isoformat() if state.filters.after else "",
        "to": state.filters.before.isoformat() if state.filters.before else "",
        "words": _WORDS,
    }
    mount("timeline", _KEY, data, {"went": _went})


def groups_of(images: list[ImageRecord], order: BrowseOrder) -> tuple[tuple[int, str], ...]:
    """Return the headings of a browsed grid, each with the place of its first picture: months or years."""
    if order not in {BrowseOrder.NEWEST, BrowseOrder.OLDEST}:
        return ()
    by_month = _headings(images, "%B %Y")
    # A heading for every picture or two would be a list of months.
    groups = by_month if len(images) >= _LEAST_IN_MONTH * len(by_month) else _headings(images, "%Y")
    return groups if len(groups) > 1 or (images and images[0].taken_at is not None) else ()


def _headings(images: list[ImageRecord], form: str) -> tuple[tuple[int, str], ...]:
    groups: list[tuple[int, str]] = []
    for place, image in enumerate(images):
        title = "Without a date" if image.taken_at is None else f"{image.taken_at:{form}}"
        if not groups or groups[-1][1] != title:
            groups.append((place, title))
    return tuple(groups)


def _ordered() -> None:
    write_state(replace(read_state(), order=st.session_state["browse_order"], shown=PAGE))


def _went() -> None:
    """Go to a month, to a whole year where the month is 0, or to all."""
    span, state = told(_KEY, "went"), read_state()
    if not (isinstance(span, list) and len(span) == 2 and all(isinstance(part, int) for part in span)):
        return
    year, month = span
    if not (1 <= year <= 9999 and 0 <= month <= 12):
        write_state(state.filtered(replace(state.filters, after=None, before=None)))
        return
    last = month or 12
    after, before = date(year, month or 1, 1), date(year, last, monthrange(year, last)[1])
    write_state(state.filtered(replace(state.filters, after=after, before=before)))
