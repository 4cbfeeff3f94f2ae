"""What a page's state finds in the library, remembered while neither changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import streamlit as st

from .. import Hit, ImageRecord, Query, Sort, Stack, Term
from ..api import Library
from ..library.catalog.conditions import All, Condition, OneOf
from ..search.calibration import AUTO_PROBABILITY
from .paging import question_of
from .places import roots_for_guests
from .query_builder import as_condition, as_query, subject_of
from .resources import Resources
from .state import MOST_SHOWN, SearchState

_HITS: Final = "hits"
_ANSWER: Final = "answer"
_MOST_TRIES: Final = 4

_DEPTH: Final = 600
"""How many of the nearest are looked at for what matches, until so many are to be shown."""

_LEFT_OUT_FROM: Final = AUTO_PROBABILITY / 2
"""The probability from which a picture counts as showing what is to be kept away from, as in a search for more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, matches first, then what is merely near.

    `hits` are all that were looked at, of which the first `matching` match; there `may_match_more`, where even those
    that lie far match. `stacks` are those that are shown, folded, of which the first `strong` match. `total` counts the
    images that are browsed or searched among. `captions` are by image id. `has_more` says that asking for more would
    bring more.
    """

    hits: tuple[Hit, ...]
    matching: int
    may_match_more: bool
    stacks: tuple[Stack, ...]
    strong: int
    total: int
    captions: dict[int, str]
    has_more: bool
    is_ranked: bool

    @property
    def line(self) -> int:
        """The place of the first weaker match, 0 where no line is to be drawn."""
        return self.strong if self.is_ranked and 0 < self.strong < len(self.stacks) else 0


def answer(state: SearchState, resources: Resources) -> Answer:
    """Return what `state` finds, from this visit's memory where the library has not changed since.

    Raises:
        PhotoseekError: as `Library.search` does.
    """
    asked = (question_of(state), state.shown, resources.library.version())
    kept = st.session_state.get(_ANSWER)
    if kept is None or kept[0] != asked:
        kept = st.session_state[_ANSWER] = (asked, _found(state, resources))
    found: Answer = kept[1]
    return found


def _found(state: SearchState, resources: Resources) -> Answer:
    library = resources.library
    where = as_condition(state.filters, roots_for_guests(resources))
    total = library.count(where)
    if not state.asks:
        images, has_more = _browsed(state, resources, where)
        hits = tuple(Hit(image, 0.0) for image in images)
        stacks = tuple(Stack(hit) for hit in hits)
        told = captions(library, images)
        return Answer(hits, len(hits), has_more, stacks, len(stacks), total, told, has_more, is_ranked=False)
    hits, may_match_more = _nearest(state, resources)
    matching = sum(is_strong(hit) for hit in hits)
    stacks = tuple(folded(library, hits[: state.shown], state))
    strong = sum(is_strong(stack.hit) for stack in stacks)
    told = captions(library, [hit.image for stack in stacks for hit in (stack.hit, *stack.duplicates)])
    has_more = state.shown < min(MOST_SHOWN, total) and state.shown <= len(hits)
    return Answer(hits, matching, may_match_more, stacks, strong, total, told, has_more, is_ranked=True)


def _nearest(state: SearchState, resources: Resources) -> tuple[tuple[Hit, ...], bool]:
    """Return the nearest, those that match first, and whether more may match.

    They are more than are shown at once: what matches is known at the start, and nothing comes in between later.
    """
    library = resources.library
    depth = _DEPTH if state.shown < _DEPTH else MOST_SHOWN
    asked = (question_of(replace(state, fold=True)), depth, library.version())
    kept = st.session_state.get(_HITS)
    if kept is None or kept[0] != asked:
        hits = library.search(as_query(state, resources.uploads, roots_for_guests(resources)), k=depth)
        may_match_more = len(hits) == depth and any(is_strong(hit) for hit in hits[-depth // 10 :])
        strong = _in_order([hit for hit in hits if is_strong(hit)], state.sort)
        weak = [hit for hit in hits if not is_strong(hit)]
        kept = st.session_state[_HITS] = (asked, ((*strong, *weak), may_match_more))
    found: tuple[tuple[Hit, ...], bool] = kept[1]
    return found


def _in_order(hits: list[Hit], sort: Sort) -> list[Hit]:
    if sort is Sort.SCORE:
        return hits
    dated = [hit for hit in hits if hit.image.taken_at is not None]
    dated.sort(key=lambda hit: hit.image.taken_at or datetime.min, reverse=sort is Sort.NEWEST)
    return dated + [hit for hit in hits if hit.image.taken_at is None]


def _browsed(state: SearchState, resources: Resources, where: Condition | None) -> tuple[list[ImageRecord], bool]:
    """Return images in order, less those that show what is to be kept away from, and whether there are more."""
    count = state.shown + 1
    tries = _MOST_TRIES if state.avoids else 1
    while True:
        images = resources.library.browse(count, where, state.order)
        kept = _without_avoided(images, state, resources) if state.avoids else images
        is_all, tries = len(images) < count, tries - 1
        if len(kept) > state.shown or is_all or not tries:
            return kept[: state.shown], not is_all and state.shown < MOST_SHOWN
        count *= 2


def _without_avoided(images: list[ImageRecord], state: SearchState, resources: Resources) -> list[ImageRecord]:
    ids = tuple(image.id for image in images)
    if not ids:
        return []
    shown: set[int] = set()
    for part in state.parts:
        term = Term(subject_of(part, resources.uploads), abs(part.weight))
        query = Query((term,), All((OneOf("id", ids),)), k=len(ids), calibrated=True)
        hits = resources.library.search(query)
        shown |= {hit.image.id for hit in hits if hit.probability is not None and hit.probability >= _LEFT_OUT_FROM}
    return [image for image in images if image.id not in shown]


def is_likely(probability: float) -> bool:
    """Whether what is so probable counts as a match."""
    return probability >= AUTO_PROBABILITY


def is_strong(hit: Hit) -> bool:
    """Whether a hit counts as a match."""
    return hit.probability is None or is_likely(hit.probability)


def captions(library: Library, images: Sequence[ImageRecord]) -> dict[int, str]:
    """Return the first caption, else the title, of those images that have one, by id."""
    found: dict[int, str] = {}
    for image_id, texts in library.texts.of(images).items():
        told = [text.body for kind in ("caption", "title") for text in texts if text.kind == kind]
        if told:
            found[image_id] = told[0]
    return found


def folded(library: Library, hits: Sequence[Hit], state: SearchState) -> list[Stack]:
    """Return hits as the state wants them: what is shown twice under one, or each by itself."""
    return library.fold(hits) if state.fold else [Stack(hit) for hit in hits]
