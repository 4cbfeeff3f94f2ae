"""The search page: the box, what was found, and one picture over it when one is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from .. import LibraryNotFound, NothingIndexed, QueryError, Sort
from .components import counted, told
from .empty import show_emptiness
from .filter_panel import show_filters
from .grid import GridLook, grid
from .paging import as_far_as_before, question_of, show_more
from .places import in_a_line
from .rerank_panel import box_of, show_reranked, show_switch, stop_reranking
from .resources import Resources, current
from .results import Answer, answer
from .search_bar import show_bar
from .selection import CHOICE, choose, chosen_ids, show_selection
from .state import MOST_SHOWN, PAGE, SearchState, read_state, write_state
from .tiles import laid_out, tile_of, unfold
from .timeline import groups_of, show_order, show_timeline
from .viewer import search_like, show_viewer

_GRID: Final = "grid"
_SORTS: Final = {Sort.SCORE: "Best first", Sort.NEWEST: "Newest first", Sort.OLDEST: "Oldest first"}


def show() -> None:
    """Draw the page that the address asks for."""
    resources, state = current(), as_far_as_before(read_state())
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
    if not found.stacks and not state.asks and not state.avoids and not state.filters.count:
        raise NothingIndexed(resources.library.folder)
    toolbar = st.container(horizontal=True, vertical_alignment="center", key="toolbar")
    timeline = st.container()
    with toolbar, st.container(width="stretch"):
        count = st.empty()
    count.markdown(f":gray[{counted_in_words(state, found, found.matching)}]")
    # The grid is what one waits for: it is sent to the browser before the rest of what stands above it.
    _show_images(state, found, resources, count)
    with toolbar:
        _show_tools(state, resources)
    if not state.asks:
        with timeline:
            show_timeline(state, resources)
    show_viewer(state.opened, None if state.opened is None else box_of(state.opened), on_search=True)


def _show_tools(state: SearchState, resources: Resources) -> None:
    show_filters(state, resources.library.facets())
    if not state.asks:
        show_order(state)
        return
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


def counted_in_words(state: SearchState, found: Answer, matching: int) -> str:
    """Return how many pictures match, of how many, and what else is shown."""
    if not state.asks:
        pictures = counted(found.total, "picture")
        return f"Of {pictures}, those without what is kept away from" if state.avoids else pictures
    if not found.total:
        return ""
    if not matching:
        return f"None of {found.total:,} clearly matches; these are the nearest"
    order = {Sort.NEWEST: ", newest first", Sort.OLDEST: ", oldest first"}.get(state.sort, "")
    rest = ", then the nearest of the rest" if len(found.hits) > matching else ""
    return f"{matching:,}{'+' if found.may_match_more else ''} of {found.total:,} match{order}{rest}"


def _show_images(state: SearchState, found: Answer, resources: Resources, count: DeltaGenerator) -> None:
    if not found.stacks:
        _show_nothing(found)
        return
    hits = {hit.image.id: hit for stack in found.stacks for hit in (stack.hit, *stack.duplicates)}
    show_selection(hits, resources)
    look = GridLook(
        "Pictures found" if state.asks else "The newest pictures",
        has_more=found.has_more,
        is_choosable=True,
        chosen=chosen_ids(),
        choice=st.session_state.get(CHOICE, 0),
        groups=() if state.asks else groups_of([stack.hit.image for stack in found.stacks], state.order),
        shown=state.shown,
        question=question_of(state),
        end=_end(state, found),
    )
    events = {"liked": _liked, "more": _more, "chosen": _chosen, "unfolded": _unfolded}
    if state.budget_s and state.asks:

        def say(matching: int) -> None:
            count.markdown(f":gray[{counted_in_words(state, found, matching)}]")

        show_reranked(state, resources, found, say, (look, _GRID, events))
        return
    stop_reranking()
    tiles, line = laid_out(
        found.stacks,
        found.line,
        lambda hit: tile_of(hit, found.captions.get(hit.image.id, ""), is_ranked=found.is_ranked),
    )
    grid(tiles, resources.pictures, replace(look, line=line), _GRID, events)


def _end(state: SearchState, found: Answer) -> str:
    if found.has_more or min(found.total, state.shown) < MOST_SHOWN:
        return ""
    what = "a query that says more or filters bring others" if state.asks else "a search or filters bring others"
    return f"These are {MOST_SHOWN:,} of {found.total:,} pictures: {what}."


def _show_nothing(found: Answer) -> None:
    with st.container(horizontal_alignment="center", key="nothing"):
        st.markdown("### Nothing is left" if found.total else "### No picture passes the filters", width="content")


def _sorted() -> None:
    write_state(replace(read_state(), sort=st.session_state["sort"], shown=PAGE))


def _liked() -> None:
    search_like(told(_GRID, "liked"))


def _more() -> None:
    show_more(as_far_as_before(read_state()), told(_GRID, "more"))


def _chosen() -> None:
    choose(told(_GRID, "chosen"))


def _unfolded() -> None:
    unfold(told(_GRID, "unfolded"))
