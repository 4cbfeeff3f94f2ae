"""How far each answer was scrolled, remembered by the visit: scrolling is no step to go back over in the browser."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Final

import streamlit as st

from .state import PAGE, SearchState

_KEY: Final = "shown"
_MOST_KEPT: Final = 100


def question_of(state: SearchState) -> str:
    """Return a short name for what a state asks, the same however much of the answer is shown and whatever is open."""
    asked = replace(state, shown=PAGE, opened=None, budget_s=0).to_params()
    return hashlib.blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=8).hexdigest()


def as_far_as_before(state: SearchState) -> SearchState:
    """Return the state that shows as much as this visit has seen of the same answer."""
    return replace(state, shown=max(state.shown, _kept().get(question_of(state), 0)))


def show_more(state: SearchState, shown: object) -> None:
    """Have more of this answer shown from now on, unless it is already: `shown` is how much there was."""
    if shown != state.shown:
        return
    kept, question = _kept(), question_of(state)
    kept.pop(question, None)
    kept[question] = state.with_more().shown
    if len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]


def _kept() -> dict[str, int]:
    kept: dict[str, int] = st.session_state.setdefault(_KEY, {})
    return kept
