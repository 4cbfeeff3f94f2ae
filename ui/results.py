"""What a page's state finds in the library, remembered while neither changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from .. import Hit, ImageRecord, Stack
from ..api import Library
from ..search.calibration import AUTO_PROBABILITY
from .places import roots_for_guests
from .query_builder import as_condition, as_query
from .resources import Resources
from .state import MOST_SHOWN, SearchState

_KEY: Final = "answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: matches first, then what is near but hardly a match.

    `strong` counts the stacks that match. `total` counts the images that are browsed or searched among. `captions` are
    by image id. `has_more` says that asking for more would bring more.
    """

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
    asked = (replace(state, opened=None, budget_s=0), resources.library.version())
    kept = st.session_state.get(_KEY)
    if kept is None or kept[0] != asked:
        kept = st.session_state[_KEY] = (asked, _found(state, resources))
    found: Answer = kept[1]
    return found


def _found(state: SearchState, resources: Resources) -> Answer:
    library = resources.library
    where = as_condition(state.filters, roots_for_guests(resources))
    if not state.asks:
        images = library.browse(state.shown, where, state.order)
        stacks = tuple(Stack(Hit(image, 0.0)) for image in images)
        total = library.count(where)
        return Answer(stacks, len(stacks), total, captions(library, images), len(stacks) < total, is_ranked=False)
    hits = library.search(as_query(state, resources.uploads, roots_for_guests(resources)))
    strong = [hit for hit in hits if is_strong(hit)]
    # Pictures have nearest ones whatever is in the library; words may well have no match, and then noise is no answer.
    shows_any = bool(strong) or state.weak or state.has_images
    weak = [hit for hit in hits if not is_strong(hit)] if shows_any else []
    stacks = tuple(folded(library, (*strong, *weak), state))
    matching = sum(is_strong(stack.hit) for stack in stacks) if strong else 0
    has_more = shows_any and len(hits) == state.shown < MOST_SHOWN and (not weak or state.weak)
    told = captions(library, [stack.hit.image for stack in stacks])
    return Answer(stacks, matching, library.count(where), told, has_more, is_ranked=True)


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
