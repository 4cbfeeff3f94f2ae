"""The describe page: a picture is brought, and words for it are found."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import LibraryNotFound, ModelMismatch, NothingIndexed, NoVisionModel
from ..api.uploads import MOST_UPLOAD_BYTES, Upload
from .components import learning_progress, literal
from .places import in_a_line
from .resources import Resources, current
from .state import Brought, Part, SearchState, go_to_search, visit

_KEY: Final = "described"
_CAPTION: Final = "caption_of"
_LABELS: Final = 8
_TEXTS: Final = 5
_VOCABULARIES: Final = {"nouns": "12,000 nouns", "imagenet": "1,000 kinds", "own": "My own words"}


def show() -> None:
    """Draw the place to drop a picture, and the words for the one that was dropped."""
    resources = current()
    st.markdown("#### What does a picture show?")
    brought = st.file_uploader(
        "A picture",
        max_upload_size=MOST_UPLOAD_BYTES >> 20,
        label_visibility="collapsed",
    )
    if brought is None:
        st.session_state.pop(_KEY, None)
        st.caption("It gets the nearest words, and the nearest texts of the library. It is not kept in the library.")
        return
    upload = _taken_in(brought.file_id, brought.getvalue(), brought.name, resources)
    if upload is None:
        st.caption("The picture that was here is not kept any more: bring it again.")
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.image(str(upload.file), width="stretch", alt=f"The picture you brought, {upload.name}")
        st.caption(literal(upload.name))
        if st.button("Find pictures like it", icon=":material/image_search:", type="primary"):
            go_to_search(SearchState().asking("", [Part(Brought(upload.key))]))
    with right:
        _show_labels(upload, resources)
        _show_texts(upload, resources)
        _show_caption(upload, resources)


def _taken_in(file_id: str, data: bytes, name: str, resources: Resources) -> Upload | None:
    """Return the picture made small and safe; taken in once, however often the page is drawn."""
    kept: tuple[str, str] | None = st.session_state.get(_KEY)
    if kept is None or kept[0] != file_id:
        with st.spinner("Reading the picture…", show_time=False):
            kept = st.session_state[_KEY] = (file_id, resources.uploads.add(data, name, visit()).key)
    return resources.uploads.get(kept[1])


def _show_labels(upload: Upload, resources: Resources) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Words", width="stretch")
        chosen = st.segmented_control(
            "From",
            list(_VOCABULARIES),
            format_func=_VOCABULARIES.__getitem__,
            default="nouns",
            label_visibility="collapsed",
        )
    if chosen == "own":
        _show_own_words(upload, resources)
        return
    waiting = st.empty()
    learning = learning_progress(waiting)
    labels = resources.library.describe(upload.file, k=_LABELS, vocabulary=chosen or "nouns", progress=learning)
    waiting.empty()
    _show_bars([(label.text, label.score) for label in labels], "{:.2f}")


def _show_own_words(upload: Upload, resources: Resources) -> None:
    given = st.text_input("Words, with commas between them", "a cat, a dog, neither", key="own_words", max_chars=500)
    words = list(dict.fromkeys(word.strip() for word in given.split(",") if word.strip()))
    if len(words) < 2:
        st.caption("Give two or more to choose from.")
        return
    (classified,) = resources.library.classify(upload.file, words)
    _show_bars([(label.text, label.probability) for label in classified.labels], "{:.0%}")


def _show_bars(rows: list[tuple[str, float]], form: str) -> None:
    """Draw a word to a line, with a bar as long as its score, of 1, is."""
    for text, score in rows:
        st.progress(min(1.0, max(0.0, score)), f"{literal(text)} :gray[{literal(form.format(score))}]")


def _show_texts(upload: Upload, resources: Resources) -> None:
    try:
        hits = resources.library.texts.search(upload.file, k=_TEXTS)
    except (LibraryNotFound, NothingIndexed, ModelMismatch):
        return
    if not hits:
        return
    st.markdown("##### Nearest texts in the library")
    for hit in hits:
        st.markdown(f"{literal(hit.text.body)} :gray[{hit.score:.2f} · {literal(hit.text.kind)}]")


def _show_caption(upload: Upload, resources: Resources) -> None:
    """Draw the caption a vision-language model writes; it may take its time, and so is asked for by a button."""
    st.markdown("##### Caption")
    if not resources.library.can_caption:
        st.caption(in_a_line(str(NoVisionModel())))
        return
    kept: tuple[str, str] | None = st.session_state.get(_CAPTION)
    if kept is None or kept[0] != upload.key:
        if not st.button("Write a caption", icon=":material/notes:"):
            return
        with st.spinner("Looking…", show_time=True):
            st.session_state[_CAPTION] = (upload.key, resources.library.caption_of(upload.file))
        st.rerun()  # without the button
    st.markdown(literal(kept[1]))
