"""The address in the browser as the one place where a page's state is kept."""

from __future__ import annotations

import streamlit as st

from .state import SearchState


def read_state() -> SearchState:
    """Return what the address asks for."""
    params = st.query_params
    return SearchState.from_params({name: params.get_all(name) for name in params})


def write_state(state: SearchState) -> None:
    """Have the address ask for this; the browser's history remembers the one before."""
    params = state.to_params()
    if params != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(params)
