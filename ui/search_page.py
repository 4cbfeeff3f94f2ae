"""The search page: the box, what was found, and one picture over it when one is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from .. import Hit, LibraryNotFound, NothingIndexed, QueryError, Sort, Stack
from .components import chance, told
from .empty import show_emptiness
from .filter_panel import show_filters
from .grid import GridLook, Tile, grid
from .places import in_a_line
from .rerank_panel import box_of, show_reranked, show_switch, stop_reranking
from .resources import Resources, current
from .results import Answer, answer
from .search_bar import show_bar
from .selection import CHOICE, choose, chosen_ids, show_selection
from .state import PAGE, SearchState, read_state, write_state
from .timeline import groups_of, show_order, show_timeline
from .viewer import search_like, show_viewer

_GRID: Final = "grid"
_SORTS: Final = {Sort.SCORE: "Best first", Sort.NEWEST: "Newest first", Sort.OLDEST: "Oldest first"}


def show() -> None:
    """Draw the page that the address asks for."""
    resources, state = current(), read_state()
    try:
        resources.library.version()
        show_bar(state, resources)
        _show_answer(state, resources)
    except (LibraryNotFound, NothingIndexed):
        show_emptiness(resources)


def _show_answer(state: SearchState, resources: Resources) -> None:
    try:
        found = answer(state, resources)
    except QueryError as error:
        st.warning(in_a_line(str(error)))
        return
    if not found.stacks and not state.asks and not state.filters.count:
        raise NothingIndexed(resources.library.folder)
    _show_toolbar(state, found, resources)
    _show_images(state, found, resources)
    show_viewer(state.opened, None if state.opened is None else box_of(state.opened), on_search=True)


def _show_toolbar(state: SearchState, found: Answer, resources: Resources) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="toolbar"):
        st.markdown(f":gray[{_count(state, found)}]", width="stretch")
        show_filters(state, resources.library.facets())
        if state.asks:
            show_switch(state)
            st.session_state["sort"] = state.sort
            st.selectbox(
                "Order",
                _SORTS,
                format_func=_SORTS.__getitem__,
                key="sort",
                on_change=_sorted,
                label_visibility="collapsed",
                width=150,
            )
        else:
            show_order(state)
    if not state.asks:
        show_timeline(state, resources)


def _count(state: SearchState, found: Answer) -> str:
    if not state.asks:
        return f"{found.total:,} pictures" if found.total != 1 else "1 picture"
    count = sum(stack.count for stack in found.stacks[: found.strong])
    plus = "+" if count and found.has_more and not found.line else ""
    return f"{count:,}{plus} of {found.total:,} match" if found.total else ""


def _show_images(state: SearchState, found: Answer, resources: Resources) -> None:
    if not found.stacks:
        _show_nothing(state, found)
        return
    hits = {stack.hit.image.id: stack.hit for stack in found.stacks}
    show_selection(hits, resources)
    look = GridLook(
        "Pictures found" if state.asks else "The newest pictures",
        found.line,
        found.has_more,
        is_choosable=True,
        chosen=chosen_ids(),
        choice=st.session_state.get(CHOICE, 0),
        groups=() if state.asks else groups_of([stack.hit.image for stack in found.stacks], state.order),
    )
    events = {"liked": _liked, "more": _more, "chosen": _chosen}
    tiles = [_tile(place, stack, found) for place, stack in enumerate(found.stacks)]
    if state.budget_s and state.asks:
        show_reranked(state, resources, tiles, look, events, _GRID)
        return
    stop_reranking()
    grid(tiles, resources.pictures, look, _GRID, events)


def _tile(place: int, stack: Stack, found: Answer) -> Tile:
    hit = stack.hit
    return Tile(
        hit.image,
        found.captions.get(hit.image.id, ""),
        facts_of(hit, is_ranked=found.is_ranked),
        f"+{stack.count - 1}" if stack.count > 1 else "",
        is_weak=bool(found.line) and place >= found.line,
    )


def facts_of(hit: Hit, *, is_ranked: bool) -> str:
    """Return a hit's score, the chance that it matches, and its day, in a few characters."""
    day = "" if hit.image.taken_at is None else f"{hit.image.taken_at.day} {hit.image.taken_at:%b %Y}"
    score = f"score {hit.score:.2f}" if is_ranked else ""
    likely = "" if hit.probability is None else f"{chance(hit.probability)} match"
    return " · ".join(part for part in (likely, score, day) if part)


def _show_nothing(state: SearchState, found: Answer) -> None:
    with st.container(horizontal_alignment="center", key="nothing"):
        if not found.total:
            st.markdown("### No picture passes the filters", width="content")
            return
        st.markdown("### Nothing here matches", width="content")
        st.caption("None of these pictures shows it, as far as the model can tell.", width="content")
        if state.asks:
            st.button("Show the nearest anyway", on_click=_weaken)


def _sorted() -> None:
    write_state(replace(read_state(), sort=st.session_state["sort"], shown=PAGE))


def _weaken() -> None:
    write_state(replace(read_state(), weak=True))


def _liked() -> None:
    search_like(told(_GRID, "liked"))


def _more() -> None:
    state, shown = read_state(), told(_GRID, "more")
    if isinstance(shown, int):
        write_state(state.with_more())


def _chosen() -> None:
    choose(told(_GRID, "chosen"))
