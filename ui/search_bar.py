"""The search box, with what else is looked for as chips."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from .. import KnownImage, QueryError, Words
from ..api.uploads import MOST_UPLOAD_BYTES
from ..search.query.arithmetic import HEAVIEST, LIGHTEST
from .components import mount, told
from .grid import shown_name
from .images import Shape
from .query_builder import typed, weighed
from .resources import Resources, current
from .state import LONGEST_TEXT, Brought, Part, SearchState, read_state, visit, write_state

_KEY: Final = "bar"
_SAID: Final = "bar_said"
_ANSWERED: Final = "bar_answered"

_WORDS: Final = {
    "placeholder": "Search your pictures, or drop one here",
    "clear": "Clear",
    "pick": "Search by a picture",
    "go": "Search",
    "weight": "Weight",
    "avoid": "Keep away from",
    "seek": "Look for",
    "off": "Take off",
    "not": "not ",
    "bringing": "Reading the picture…",
    "large": f"Pictures of up to {MOST_UPLOAD_BYTES >> 20} MB can be brought.",
    "failed": "The picture could not be sent.",
    "proposals": "Suggestions",
    "recent": "asked before",
    "forget": "Forget these questions",
    "named": "“{}” in names, captions and keywords",
    "exactly": "to the letter",
    "rest": "more",
}


def show_bar(state: SearchState, resources: Resources) -> None:
    """Draw it; it stays in sight while the page is scrolled."""
    pictures = resources.pictures
    ids = [part.subject.image_id for part in state.parts if isinstance(part.subject, KnownImage)]
    records = resources.library.images(ids) if ids else {}

    def chip(part: Part) -> dict[str, object]:
        match part.subject:
            case Words(text):
                return {"text": text, "weight": part.weight}
            case KnownImage(image_id) if image_id in records:
                image = records[image_id]
                return {"text": shown_name(image), "weight": part.weight, "src": pictures.address(image, Shape.GRID)}
            case KnownImage(image_id):
                return {"text": f"picture {image_id}", "weight": part.weight}
            case Brought(key):
                upload = resources.uploads.get(key)
                if upload is None:
                    return {"text": "a picture not kept any more", "weight": part.weight}
                return {"text": upload.name, "weight": part.weight, "src": upload.preview}

    data = {
        "text": state.words,
        "chips": [chip(part) for part in state.parts],
        "upload": pictures.upload_address(visit()),
        "most": MOST_UPLOAD_BYTES,
        "said": st.session_state.pop(_SAID, ""),
        "suggest": f"{pictures.prefix}/suggest?k={pictures.sign('suggest')}",
        "remembers": not resources.options.is_shared,
        "answered": st.session_state.get(_ANSWERED, 0),
        "words": _WORDS,
    }
    events = {"asked": _asked, "weighed": _weighed, "brought": _brought, "cleared": _cleared, "narrowed": _narrowed}
    mount("bar", _KEY, data, events)


def _asked() -> None:
    event = told(_KEY, "asked")
    if not isinstance(event, dict):
        return
    if isinstance(event.get("time"), int):
        st.session_state[_ANSWERED] = event["time"]  # until it is told so, the box asks again, and keeps what is in it
    try:
        write_state(typed(read_state(), str(event.get("text", ""))))
    except QueryError as error:
        st.session_state[_SAID] = str(error)


def _weighed() -> None:
    event = told(_KEY, "weighed")
    if isinstance(event, dict) and isinstance(event.get("place"), int):
        weight = event.get("weight")
        known = float(weight) if isinstance(weight, int | float) and LIGHTEST <= abs(weight) <= HEAVIEST else None
        write_state(weighed(read_state(), event["place"], known))


def _brought() -> None:
    key = told(_KEY, "brought")
    if isinstance(key, str) and current().uploads.get(key) is not None:
        state = read_state()
        write_state(state.asking(state.words, (*state.parts, Part(Brought(key)))))


def _narrowed() -> None:
    """Show what has these letters in its name or texts: no model is asked."""
    text = told(_KEY, "narrowed")
    if isinstance(text, str):
        state = read_state()
        write_state(state.asking("", ()).filtered(replace(state.filters, text=text[:LONGEST_TEXT])))


def _cleared() -> None:
    write_state(read_state().asking("", ()))
