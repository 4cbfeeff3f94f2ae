"""Reranking on the search page: its switch, the job that runs beside the page, and the order that gets better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import Final, TypeAlias

import streamlit as st

from .. import Box, Hit, PhotoseekError, RerankedHit, RerankResult, Stack
from .components import Events, chance
from .grid import GridLook, Tile, grid
from .places import in_a_line, roots_for_guests
from .query_builder import as_query
from .resources import Resources
from .results import Answer, captions, folded, is_likely, is_strong
from .state import PAGE, SearchState, read_state, write_state
from .tiles import laid_out, tile_of

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

Place: TypeAlias = tuple[GridLook, str, Events]


def show_switch(state: SearchState) -> None:
    """Draw the choice of whether, and for how long, to rerank."""
    st.session_state["budget"] = min(BUDGETS_S, key=lambda budget_s: abs(budget_s - state.budget_s))
    st.selectbox(
        "Rerank",
        BUDGETS_S,
        format_func=lambda budget_s: f"Rerank: up to {budget_s} s" if budget_s else "Rerank: off",
        key="budget",
        on_change=_switched,
        label_visibility="collapsed",
        width=160,
    )


def show_reranked(
    state: SearchState, resources: Resources, found: Answer, say: Callable[[int], None], place: Place
) -> None:
    """Draw the answer as it is judged anew: the first order at once, then better orders as they come.

    Args:
        state: what is asked.
        resources: what the pages share.
        found: the answer before any judging.
        say: told how many match, by the order that is shown.
        place: the grid's look, key and events.
    """
    refining = _refining(state, resources)
    is_followed = not refining.is_done
    look, key, events = place
    # What happens in a part of the page draws that part alone: these draw the whole after it.
    whole = {name: _then_whole(call) for name, call in events.items()}

    @st.fragment(run_every=_PERIOD_S if is_followed else None)
    def draw() -> None:
        if st.session_state.pop(_WHOLE, False) or (is_followed and refining.is_done):
            st.rerun()
        refinement = refining.latest
        _show_progress(refining, refinement, resources)
        order = _first(found) if refinement is None else reranked(refinement, resources, found, state)
        say(order.matching)
        tiles, line = laid_out(order.stacks, order.line, order.tile)
        grid(tiles, resources.pictures, replace(look, line=line), key, whole)

    draw()


def stop_reranking() -> None:
    """End this visit's rerank, if there is one."""
    kept = st.session_state.pop(_REFINING, None)
    if kept is not None:
        kept[1].stop()


def box_of(image_id: int) -> Box | None:
    """Return where this visit's rerank saw what was looked for in a picture."""
    kept = st.session_state.get(_REFINING)
    refinement = None if kept is None else kept[1].latest
    if refinement is None:
        return None
    found = (hit.judgement for hit in refinement.hits if hit.hit.image.id == image_id)
    return next((judgement.box for judgement in found if judgement is not None), None)


@dataclass(frozen=True, slots=True)
class Reranked:
    """A refined order: its stacks, the place of the first that hardly matches, how many images match, a hit's tile."""

    stacks: Sequence[Stack]
    line: int
    matching: int
    tile: Callable[[Hit], Tile]


def reranked(refinement: RerankResult, resources: Resources, found: Answer, state: SearchState) -> Reranked:
    """Return the refined order, and after it what was found beside: in each, what is likely to match comes first."""
    judged = {refined.hit.image.id: refined for refined in refinement.hits}
    rest = [hit for hit in found.hits if hit.image.id not in judged]
    likely = [one.hit for one in refinement.hits if _is_likely(one)]
    unlikely = [one.hit for one in refinement.hits if not _is_likely(one)]
    first, last = [hit for hit in rest if is_strong(hit)], [hit for hit in rest if not is_strong(hit)]
    matching = [*likely, *first]
    hits = [*matching, *unlikely, *last][: max(state.shown, len(judged))]
    stacks = folded(resources.library, hits, state)
    above = {hit.image.id for hit in matching}
    line = sum(stack.hit.image.id in above for stack in stacks)
    heads = [stack.hit.image.id for stack in stacks if stack.hit.image.id in judged]
    before = {image_id: rank for rank, image_id in enumerate(sorted(heads, key=lambda one: judged[one].rank_before))}
    moved = {image_id: before[image_id] - place for place, image_id in enumerate(heads)}
    told = captions(resources.library, [hit.image for hit in hits])

    def tile(hit: Hit) -> Tile:
        refined, caption = judged.get(hit.image.id), told.get(hit.image.id, "")
        if refined is None:
            return tile_of(hit, caption, is_ranked=True)
        return _tile(refined, caption, moved.get(hit.image.id, 0))

    return Reranked(stacks, line % max(1, len(stacks)), len(matching), tile)


def _first(found: Answer) -> Reranked:
    def tile(hit: Hit) -> Tile:
        return tile_of(hit, found.captions.get(hit.image.id, ""), is_ranked=True)

    return Reranked(found.stacks, found.line, found.matching, tile)


def _is_likely(refined: RerankedHit) -> bool:
    """Whether a hit counts as a match, by both looks or, until the second, by the first."""
    if refined.judgement is None:
        return is_strong(refined.hit)
    return is_likely(refined.score) and not refined.vetoed


def _tile(refined: RerankedHit, caption: str, moved: int) -> Tile:
    hit, judgement = refined.hit, refined.judgement
    facts = [f"score {hit.score:.2f}"]
    if hit.probability is not None:
        facts.insert(0, f"search {chance(hit.probability)}")
    if judgement is not None:
        facts.append(f"rerank {chance(judgement.probability)}")
    facts.append(f"together {chance(refined.score)}" if not refined.vetoed else "shows what is to be kept away from")
    first = "" if hit.probability is None else f"{chance(hit.probability)} → "
    badge = "" if judgement is None else f"{first}{chance(judgement.probability)}"
    box = None if judgement is None else judgement.box
    return Tile(hit.image, caption, " · ".join(facts), badge, moved, box=box)


def _show_progress(refining: RerankJob, refinement: RerankResult | None, resources: Resources) -> None:
    if refining.error is not None:
        st.warning(in_a_line(refining.error))
        return
    if refinement is None:
        st.progress(0.0, "Getting ready to rerank…")
        return
    told = f"Reranked {refinement.judged_count} of {refinement.wanted_count} with {in_a_line(refinement.judge)}"
    if refinement.cached_count:
        told += f", {refinement.cached_count} of them remembered"
    if refining.is_done:
        st.caption(told)
    else:
        st.progress(min(1.0, refinement.judged_count / max(1, refinement.wanted_count)), told)
    if refinement.trouble:
        st.warning(in_a_line(refinement.trouble))
    if refinement.skipped:
        st.caption(f"{len(refinement.skipped)} could not be read again.")
    if not resources.library.can_ask:
        st.caption("Reranked by the built-in model. A vision-language model, named in library.toml, knows more.")


def _refining(state: SearchState, resources: Resources) -> RerankJob:
    """Return this visit's rerank of what the state asks, begun now unless it is under way or done."""
    asked = replace(state, opened=None, shown=PAGE)
    kept = st.session_state.get(_REFINING)
    if kept is not None and kept[0] == asked:
        refining: RerankJob = kept[1]
        return refining
    stop_reranking()
    query = replace(as_query(state, resources.uploads, roots_for_guests(resources)), k=PAGE)
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
