"""The page that asks for the password before any other is shown."""

from __future__ import annotations

import streamlit as st

from .resources import current


def passed() -> bool:
    """Whether this visit may see the pages; if not, ask for the password."""
    gate = current().gate
    if gate is None or st.session_state.get("passed"):
        return True
    _, middle, _ = st.columns([1, 2, 1])
    with middle, st.form("password", border=False):
        st.subheader("photoseek")
        password = st.text_input("Password", type="password", autocomplete="current-password")
        sent = st.form_submit_button("Open", type="primary")
    if not sent:
        return False
    address = st.context.ip_address or "localhost"
    wait_s = gate.wait_s(address)
    if wait_s > 0:
        middle.error(f"Too many wrong passwords: wait {wait_s:.0f} s and try again.")
    elif gate.admits(address, password):
        st.session_state["passed"] = True
        st.rerun()
    else:
        middle.error("That is not the password.")
    return False
