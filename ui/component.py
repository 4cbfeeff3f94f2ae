"""Parts of a page that Streamlit lacks: a script and a style of ours, mounted in the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_ASSETS = Path(__file__).with_name("assets")

Events: TypeAlias = Mapping[str, Callable[[], None]]
"""What is called before the page is drawn anew, by the name of the event; `told` then returns what it told."""


@cache
def _component(name: str) -> ComponentRenderer:
    # The browser imports a script alone: what all share, and what is spread over files, NAME_*.js, is joined.
    scripts = [_ASSETS / "parts.js", *_ASSETS.glob(f"{name}_*.js"), _ASSETS / f"{name}.js"]
    script = "\n".join(file.read_text(encoding="utf-8") for file in scripts)
    style = (_ASSETS / f"{name}.css").read_text(encoding="utf-8")
    return st.components.v2.component(f"photoseek_{name}", html='<div class="root"></div>', css=style, js=script)


def mount(name: str, key: str, data: Mapping[str, object], events: Events) -> None:
    """Put the component whose script is `assets/NAME.js` into the page.

    Its script receives `data` as JSON, and never as HTML: what people or files called something stays text.
    """
    callbacks: dict[str, Any] = {f"on_{event}_change": call for event, call in events.items()}
    _component(name)(key=key, data=dict(data), **callbacks)


def told(key: str, event: str) -> object:
    """Return what an event of the component with this key told, None when it is not that which happened."""
    state = st.session_state.get(key)
    return None if state is None else state.get(event)
