"""Parts that Streamlit lacks: scripts and styles of ours, mounted in the page, and text made safe for its Markdown."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer
from streamlit.delta_generator import DeltaGenerator

from ..library.images.metadata.image_text import printable

_ASSETS = Path(__file__).with_name("assets")

Events: TypeAlias = Mapping[str, Callable[[], None]]
"""What is called before the page is drawn anew, by the name of the event; `told` then returns what it told."""


_BESIDE = {"viewer": ("world.js",), "places": ("world.js",)}
"""Scripts that several components share, by the component."""


@cache
def _component(name: str) -> ComponentRenderer:
    # The browser imports a script alone: what all share, and what is spread over files, NAME_*.js, is joined.
    beside = [_ASSETS / file for file in _BESIDE.get(name, ())]
    scripts = [_ASSETS / "parts.js", *beside, *_ASSETS.glob(f"{name}_*.js"), _ASSETS / f"{name}.js"]
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


_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})


def literal(text: str) -> str:
    """Return Markdown that shows `text` as it is, on one line: no link, picture, icon or formula comes of it.

    CommonMark lets a backslash stand before any ASCII punctuation.
    """
    return printable(text).translate(_SIGNS)


def shown_path(path: str | Path) -> str:
    """Return a path as text: bytes that are none are shown escaped."""
    return str(path).encode(errors="backslashreplace").decode()


def size_in_words(size_bytes: int) -> str:
    """Return a file's size, such as `2.1 MB`."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.{1 if size_bytes < 10 * unit else 0}f} {name}"
    return f"{size_bytes} bytes"


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as `1 picture` or `2,000 pictures`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def chance(probability: float) -> str:
    """Return a probability as people say it; what is nearly sure is not said to be sure."""
    if 0.995 <= probability < 1:
        return ">99%"
    return "<1%" if 0 < probability < 0.005 else f"{probability:.0%}"


def learning_progress(place: DeltaGenerator) -> Callable[[int, int], None]:
    """Return what shows at `place` how many words of a vocabulary a model has read."""

    def show(done: int, total: int) -> None:
        place.progress(done / total, f"Learning {total:,} words, once for this model…")

    return show
