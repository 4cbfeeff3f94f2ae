"""The address in the browser as the one place where a page's state is kept, and the ways from page to page."""

from __future__ import annotations

import secrets
from typing import Final

import streamlit as st

from .state import SearchState

_VISIT: Final = "visit"
PAGES: Final = "pages"
"""Where this visit's pages are kept, by the names of their modules."""


def read_state() -> SearchState:
    """Return what the address asks for."""
    params = st.query_params
    return SearchState.from_params({name: params.get_all(name) for name in params})


def write_state(state: SearchState) -> None:
    """Have the address ask for this; the browser's history remembers the one before."""
    params = state.to_params()
    if params != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(params)


def visit() -> str:
    """Return a name for this visit, the same on all its pages."""
    name: str = st.session_state.setdefault(_VISIT, secrets.token_urlsafe(12))
    return name


def go_to_search(state: SearchState) -> None:
    """Leave this page for the search page, and have that show this state."""
    st.switch_page(st.session_state[PAGES]["search_page"], query_params=state.to_params())


def link_to(module: str, label: str, icon: str) -> None:
    """Draw a link to a page; nothing where this visit is not shown it."""
    page = st.session_state.get(PAGES, {}).get(module)
    if page is not None:
        st.page_link(page, label=label, icon=icon)
