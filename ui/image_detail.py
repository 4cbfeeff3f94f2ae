"""One picture, large, with what is known of it, what it shows, and what is like it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import Box, ImageRecord, KnownImage, NoVisionModel, PhotoseekError, Query, Term
from .components import literal, mount, size_in_words, told
from .grid import GridLook, Tile, grid, shown_name
from .images import Shape
from .places import folder_of, in_a_line, place_of
from .resources import Resources, current
from .state import LONGEST_TEXT, Part, go_to_search, read_state, write_state

_STAGE: Final = "stage"
_SIMILAR: Final = "similar"
_SIMILAR_COUNT: Final = 8
_PERIOD_S: Final = 1.0
_LEAVING: Final = "leaving_image"
_FOR_SEARCH: Final = "for the search page"
_FOR_ANOTHER: Final = "for another picture"
_WORDS: Final = {
    "like": "More like this",
    "open": "Open alone",
    "save": "Download",
    "copy": "Copy path",
    "copied": "Copied",
    "gone": "The file of this picture cannot be read any more.",
}


def close_image() -> None:
    """Have the address speak of no single picture any more."""
    write_state(read_state().looking_at(None))


def show_image(image_id: int, box: Box | None = None) -> None:
    """Draw one picture over the page, with `box` framed."""
    image = current().library.images([image_id]).get(image_id)
    title = "This picture is not here any more" if image is None else literal(shown_name(image))

    @st.dialog(title, width="large", on_dismiss=close_image)
    def draw() -> None:
        if image is not None:
            _show(image, box, current())

    draw()


def _show(image: ImageRecord, box: Box | None, resources: Resources) -> None:
    name = shown_name(image)
    data = {
        "id": image.id,
        "src": resources.pictures.address(image, Shape.SCREEN),
        "file": resources.pictures.address(image, Shape.FILE),
        "w": image.width,
        "h": image.height,
        "name": name,
        "alt": name,
        "path": place_of(image.path),
        "box": None if box is None else [box.left, box.top, box.right, box.bottom],
        "words": _WORDS,
    }
    mount("stage", _STAGE, data, {"liked": _liked_stage})
    left, right = st.columns([3, 2])
    with left:
        _words(image, resources)
        _facts(image)
    with right:
        _labels(image, resources)
        _ask(image, resources)
    _similar(image, resources)
    leaving = st.session_state.pop(_LEAVING, None)
    if leaving == _FOR_SEARCH:
        go_to_search(read_state())
    elif leaving is not None:
        st.rerun()  # the whole page: what happened in the dialog changed what it shows


def search_like(image_id: object) -> None:
    """Have the address ask for more pictures like this one alone."""
    if isinstance(image_id, int):
        write_state(read_state().asking("", [Part(KnownImage(image_id))]))


def open_image(image_id: object) -> None:
    """Have the address speak of this picture."""
    if isinstance(image_id, int):
        write_state(read_state().looking_at(image_id))


def _liked_stage() -> None:
    search_like(told(_STAGE, "liked"))
    st.session_state[_LEAVING] = _FOR_SEARCH


def _words(image: ImageRecord, resources: Resources) -> None:
    for text in resources.library.texts.of([image]).get(image.id, ()):
        if text.kind == "keyword":
            continue
        st.text(text.body)
        st.caption(literal(f"{text.kind}, from {text.source}"))


def _facts(image: ImageRecord) -> None:
    facts = {
        "Taken": None if image.taken_at is None else f"{image.taken_at:%-d %B %Y, %H:%M}",
        "Camera": " · ".join(part for part in (image.camera, image.lens) if part),
        "Size": f"{image.width:,} × {image.height:,} · {image.format} · {size_in_words(image.size_bytes)}",
        "Stars": None if not image.rating else "★" * image.rating,
        "Folder": folder_of(image.path),
        "Note": image.warning,
    }
    lines = [f":gray[{name}]  {literal(value)}" for name, value in facts.items() if value]
    if image.latitude is not None and image.longitude is not None:
        place = f"{image.latitude:.5f}, {image.longitude:.5f}"
        # No map: tiles would tell a server elsewhere where pictures were taken. This opens the visitor's own program.
        lines.append(f":gray[Place]  [{literal(place)}](geo:{image.latitude:.6f},{image.longitude:.6f})")
    st.markdown("  \n".join(lines))


def _labels(image: ImageRecord, resources: Resources) -> None:
    labelling = resources.labelling
    try:
        is_ready = labelling.labels(image.id, image.content_hash) is not None
    except PhotoseekError as error:
        st.caption(in_a_line(str(error)))
        return

    @st.fragment(run_every=None if is_ready else _PERIOD_S)
    def draw() -> None:
        labels = labelling.labels(image.id, image.content_hash)
        st.caption("What it may show" if labels is not None else "Looking for words…")
        st.markdown(" ".join(f":gray-badge[{literal(label.text)}]" for label in labels or ()))

    draw()


def _ask(image: ImageRecord, resources: Resources) -> None:
    """Draw what asks about the picture; without a model that answers, a line on how to get one."""
    if not resources.library.can_ask:
        st.caption(in_a_line(f"To ask about this picture: {NoVisionModel()}"))
        return
    with st.form(f"ask_{image.id}", border=False):
        question = st.text_input("Ask about this picture", max_chars=LONGEST_TEXT)
        if st.form_submit_button("Ask") and question.strip():
            try:
                with st.spinner("Looking…"):
                    st.text(resources.library.ask(image.id, question.strip()))
            except PhotoseekError as error:
                st.warning(in_a_line(str(error)))


def _similar(image: ImageRecord, resources: Resources) -> None:
    try:
        hits = resources.library.search(Query((Term(KnownImage(image.id)),), k=_SIMILAR_COUNT + 1))
    except PhotoseekError:
        return
    tiles = [Tile(hit.image, facts=f"{hit.score:.2f}") for hit in hits if hit.image.id != image.id][:_SIMILAR_COUNT]
    if tiles:
        st.caption("Similar pictures")
        look = GridLook("Similar pictures", row_px=104)
        grid(tiles, resources.pictures, look, _SIMILAR, {"opened": _opened_similar, "liked": _liked_similar})


def _opened_similar() -> None:
    open_image(told(_SIMILAR, "opened"))
    st.session_state[_LEAVING] = _FOR_ANOTHER


def _liked_similar() -> None:
    search_like(told(_SIMILAR, "liked"))
    st.session_state[_LEAVING] = _FOR_SEARCH
