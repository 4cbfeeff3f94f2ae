"""The search box, with what else is looked for as chips."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import KnownImage, QueryError, Words
from ..api.uploads import MOST_UPLOAD_BYTES
from .components import mount, told
from .grid import shown_name
from .images import Shape
from .query_builder import typed, weighed
from .resources import Resources, current
from .state import HEAVIEST, Brought, Part, SearchState, read_state, visit, write_state

_KEY: Final = "bar"
_SAID: Final = "bar_said"
_STAMP: Final = "bar_stamp"

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
}


def show_bar(state: SearchState, resources: Resources) -> None:
    """Draw it."""
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
        "stamp": st.session_state.get(_STAMP, 0),
        "words": _WORDS,
    }
    events = {"asked": _asked, "weighed": _weighed, "brought": _brought, "cleared": _cleared}
    mount("bar", _KEY, data, events)


def _asked() -> None:
    event = told(_KEY, "asked")
    if not isinstance(event, dict):
        return
    try:
        write_state(typed(read_state(), str(event.get("text", ""))))
        st.session_state[_STAMP] = st.session_state.get(_STAMP, 0) + 1  # what the box shows now is the state's words
    except QueryError as error:
        st.session_state[_SAID] = str(error)


def _weighed() -> None:
    event = told(_KEY, "weighed")
    if isinstance(event, dict) and isinstance(event.get("place"), int):
        weight = event.get("weight")
        known = float(weight) if isinstance(weight, int | float) and 0 < abs(weight) <= HEAVIEST else None
        write_state(weighed(read_state(), event["place"], known))


def _brought() -> None:
    key = told(_KEY, "brought")
    if isinstance(key, str) and current().uploads.get(key) is not None:
        state = read_state()
        write_state(state.asking(state.words, (*state.parts, Part(Brought(key)))))


def _cleared() -> None:
    write_state(read_state().asking("", ()))
