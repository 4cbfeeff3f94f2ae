"""Reranking on the search page: its switch, the job that runs beside the page, and the order that gets better."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import Final

import streamlit as st

from .. import Box, PhotoseekError, RerankedHit, RerankResult, Stack
from .components import Events, chance
from .grid import GridLook, Tile, grid
from .places import in_a_line, roots_for_guests
from .query_builder import as_query
from .resources import Resources
from .results import captions, folded, is_likely, is_strong
from .state import SearchState, read_state, write_state

_TURN = Lock()
"""Whoever judges holds it: two models at work at once would each be half as fast, and not fit some machines' memory."""


class RerankJob:
    """One rerank, begun when constructed. Thread-safe.

    Args:
        begin: returns the orders, better and better, as `Library.refine` does.
    """

    def __init__(self, begin: Callable[[], Iterator[RerankResult]]) -> None:
        self._begin = begin
        self._stopped = Event()
        self._latest: RerankResult | None = None
        self._error: str | None = None
        self._thread = Thread(target=self._run, name="photoseek-refine", daemon=True)
        self._thread.start()

    @property
    def latest(self) -> RerankResult | None:
        """The best order so far, None before the first."""
        return self._latest

    @property
    def error(self) -> str | None:
        """Why there is no rerank, in one line."""
        return self._error

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Have it end after the batch that is being looked at."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        with _TURN:
            if self._stopped.is_set():
                return
            try:
                for refinement in self._begin():
                    self._latest = refinement
                    if self._stopped.is_set():
                        return
            except PhotoseekError as error:
                self._error = str(error)


BUDGETS_S: Final = (0, 5, 15, 60, 300)
DEPTH: Final = 50
"""Pictures that are judged at most."""

_PERIOD_S: Final = 0.5
_REFINING: Final = "refining"
_WHOLE: Final = "draw the whole page"


def show_switch(state: SearchState) -> None:
    """Draw the choice of whether, and for how long, to rerank."""
    st.session_state["budget"] = min(BUDGETS_S, key=lambda budget_s: abs(budget_s - state.budget_s))
    st.selectbox(
        "Rerank",
        BUDGETS_S,
        format_func=lambda budget_s: f"Rerank · {budget_s} s" if budget_s else "No rerank",
        key="budget",
        on_change=_switched,
        label_visibility="collapsed",
        width=160,
    )


def show_reranked(
    state: SearchState, resources: Resources, first: list[Tile], look: GridLook, events: Events, key: str
) -> None:
    """Draw the answer as it is judged anew: the tiles of the `first` order at once, then better orders as they come."""
    refining = _refining(state, resources)
    is_followed = not refining.is_done
    # What happens in a part of the page draws that part alone: these draw the whole after it.
    whole = {name: _then_whole(call) for name, call in events.items()}

    @st.fragment(run_every=_PERIOD_S if is_followed else None)
    def draw() -> None:
        if st.session_state.pop(_WHOLE, False) or (is_followed and refining.is_done):
            st.rerun()
        refinement = refining.latest
        _show_progress(refining, refinement, resources)
        if refinement is None:
            grid(first, resources.pictures, look, key, whole)
            return
        tiles, line = reranked_tiles(refinement, resources, state)
        grid(tiles, resources.pictures, replace(look, line=line, has_more=False), key, whole)

    draw()


def stop_reranking() -> None:
    """End this visit's rerank, if there is one."""
    kept = st.session_state.pop(_REFINING, None)
    if kept is not None:
        kept[1].stop()


def box_of(image_id: int) -> Box | None:
    """Return where this visit's judge saw what was looked for in a picture."""
    kept = st.session_state.get(_REFINING)
    refinement = None if kept is None else kept[1].latest
    if refinement is None:
        return None
    found = (hit.judgement for hit in refinement.hits if hit.hit.image.id == image_id)
    return next((judgement.box for judgement in found if judgement is not None), None)


def reranked_tiles(refinement: RerankResult, resources: Resources, state: SearchState) -> tuple[list[Tile], int]:
    """Return the tiles of a refined order, and the place from which on none is likely to match, 0 for no such place."""
    by_id = {refined.hit.image.id: refined for refined in refinement.hits}
    stacks = folded(resources.library, [refined.hit for refined in refinement.hits], state)
    shown = [by_id[stack.hit.image.id] for stack in stacks]
    before = {id(one): rank for rank, one in enumerate(sorted(shown, key=lambda one: one.rank_before))}
    told = captions(resources.library, [one.hit.image for one in shown])
    line = max((place + 1 for place, one in enumerate(shown) if _is_likely(one)), default=0) % max(1, len(shown))
    tiles = [
        _tile(one, stack, told.get(one.hit.image.id, ""), before[id(one)] - place, is_weak=0 < line <= place)
        for place, (one, stack) in enumerate(zip(shown, stacks, strict=True))
    ]
    return tiles, line


def _is_likely(refined: RerankedHit) -> bool:
    """Whether a hit counts as a match, by both looks or, until the second, by the first."""
    if refined.judgement is None:
        return is_strong(refined.hit)
    return is_likely(refined.score) and not refined.vetoed


def _tile(refined: RerankedHit, stack: Stack, caption: str, moved: int, *, is_weak: bool) -> Tile:
    hit, judgement = refined.hit, refined.judgement
    facts = [f"score {hit.score:.2f}"]
    if hit.probability is not None:
        facts.insert(0, f"search {chance(hit.probability)}")
    if judgement is not None:
        facts.append(f"second {chance(judgement.probability)}")
    facts.append(f"together {chance(refined.score)}" if not refined.vetoed else "shows what is to be kept away from")
    first = "" if hit.probability is None else f"{chance(hit.probability)} → "
    badge = "" if judgement is None else f"{first}{chance(judgement.probability)}"
    count = f" +{stack.count - 1}" if stack.count > 1 else ""
    box = None if judgement is None else judgement.box
    return Tile(hit.image, caption, " · ".join(facts), (badge + count).strip(), moved, is_weak, box)


def _show_progress(refining: RerankJob, refinement: RerankResult | None, resources: Resources) -> None:
    if refining.error is not None:
        st.warning(in_a_line(refining.error))
        return
    if refinement is None:
        st.progress(0.0, "Getting ready to rerank…")
        return
    told = f"Judged {refinement.judged_count} of {refinement.wanted_count} with {in_a_line(refinement.judge)}"
    if refinement.cached_count:
        told += f", {refinement.cached_count} of them remembered"
    told += f"; its word counts {refinement.weight:.0%}"
    if refining.is_done:
        st.caption(told)
    else:
        st.progress(min(1.0, refinement.judged_count / max(1, refinement.wanted_count)), told)
    if refinement.trouble:
        st.warning(in_a_line(refinement.trouble))
    if refinement.skipped:
        st.caption(f"{len(refinement.skipped)} could not be read again.")
    if not resources.library.can_ask:
        st.caption("What is built in judged. A vision-language model, named in library.toml, knows more.")


def _refining(state: SearchState, resources: Resources) -> RerankJob:
    """Return this visit's rerank of what the state asks, begun now unless it is under way or done."""
    asked = replace(state, opened=None)
    kept = st.session_state.get(_REFINING)
    if kept is not None and kept[0] == asked:
        refining: RerankJob = kept[1]
        return refining
    stop_reranking()
    query = replace(as_query(state, resources.uploads, roots_for_guests(resources)), threshold=None)
    library = resources.library
    begun = RerankJob(lambda: library.refine(query, depth=DEPTH, budget_s=float(state.budget_s)))
    st.session_state[_REFINING] = (asked, begun)
    return begun


def _then_whole(call: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        call()
        st.session_state[_WHOLE] = True

    return both


def _switched() -> None:
    write_state(replace(read_state(), budget_s=st.session_state["budget"]))
