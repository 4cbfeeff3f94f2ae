"""The duplicates page: groups of pictures of which one is enough, to review; no file is ever touched."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import DuplicateGroup, DuplicateOptions, ImageRecord, PhotoseekError
from .components import counted, literal, size_in_words, told
from .empty import image_count, show_emptiness
from .grid import GridLook, Tile, grid
from .places import place_of
from .resources import Resources, current
from .state import go_to_search, read_state
from .viewer import search_like, show_viewer

_KINDS: Final = {True: "Copies and look-alikes", False: "Exact copies"}
_PAGE_GROUPS: Final = 12
_AT_ONCE: Final = 20_000
"""Up to so many pictures are compared without being asked to: with the built-in model, in a few seconds."""

_ASKED: Final = "duplicates_asked"
_SHOWN: Final = "duplicates_shown"
_LIKED: Final = "duplicates_liked"
_ERROR: Final = "duplicates_error"


def show() -> None:
    """Draw the groups, the largest first."""
    resources = current()
    count = image_count(resources)
    if not count:
        show_emptiness(resources)
        return
    near = st.segmented_control(
        "Kind", list(_KINDS), format_func=_KINDS.__getitem__, default=True, label_visibility="collapsed"
    )
    if count > _AT_ONCE and near is not False and not st.session_state.get(_ASKED):
        st.caption(f"Comparing {count:,} pictures with one another takes one search for each.")
        st.button("Compare them", on_click=_ask, type="primary")
        return
    error = st.session_state.pop(_ERROR, None)
    if error:
        st.error(literal(error))
    groups = _groups(resources.library.version(), near is not False, resources)
    if not groups:
        st.markdown("#### No duplicates")
        st.caption("Every picture of the library is there once.")
        return
    _show_summary(groups)
    shown = st.session_state.get(_SHOWN, _PAGE_GROUPS)
    for start in range(0, min(shown, len(groups)), 2):
        for column, group in zip(st.columns(2), groups[start : start + 2], strict=False):
            with column:
                _show_group(group, resources)
    if len(groups) > shown:
        st.button(f"Show more of {len(groups):,} groups", on_click=_more)
    if st.session_state.pop(_LIKED, False):
        go_to_search(read_state())
    show_viewer(read_state().opened)


@st.cache_data(max_entries=4, show_spinner="Comparing pictures…")
def _groups(version: int, near: bool, _resources: Resources) -> list[DuplicateGroup]:  # noqa: FBT001 - part of a key
    del version  # what was found holds for one state of the library
    return _resources.library.duplicates(DuplicateOptions(near=near))


def _show_summary(groups: list[DuplicateGroup]) -> None:
    spare = [image for group in groups for image in group.images[1:]]
    with st.container(horizontal=True, vertical_alignment="center", key="duplicates_summary"):
        in_words = size_in_words(sum(image.size_bytes for image in spare))
        could_go = counted(len(spare), "picture")
        st.markdown(
            f"**{counted(len(groups), 'group')}** :gray[· {could_go} could go, {in_words} in all]", width="stretch"
        )
        st.download_button(
            "Paths of all that could go",
            lambda: "".join(f"{place_of(image.path)}\n" for image in spare),
            "could-go.txt",
            "text/plain",
            icon=":material/download:",
        )
    st.caption("The best of each group comes first: most pixels, then the oldest file. Nothing is deleted here.")


def _show_group(group: DuplicateGroup, resources: Resources) -> None:
    first = group.images[0]
    key = f"duplicates_{first.id}"
    kind = "the same file to the byte" if group.kind == "exact" else "alike"
    with st.container(border=True):
        st.markdown(f"**{len(group.images)} pictures** :gray[· {kind}]")
        tiles = [_tile(image, image.id == first.id) for image in group.images]
        events = {"liked": lambda: _liked(told(key, "liked"))}
        grid(tiles, resources.pictures, GridLook(f"{len(tiles)} duplicates", row_px=170), key, events)
        with st.container(horizontal=True, key=f"{key}_tools"):
            with st.popover("Paths", icon=":material/content_copy:"):
                st.caption("Stays")
                st.code(place_of(first.path), language=None)
                st.caption("Could go")
                st.code("\n".join(place_of(image.path) for image in group.images[1:]), language=None)
            if not resources.options.read_only:
                st.button(
                    "Forget the others",
                    key=f"{key}_forget",
                    icon=":material/playlist_remove:",
                    help="Takes them out of the library until their folder is indexed again; no file is touched.",
                    on_click=_forget,
                    args=(group.images[1:],),
                )


def _tile(image: ImageRecord, stays: bool) -> Tile:  # noqa: FBT001
    facts = f"{image.width:,} × {image.height:,} · {size_in_words(image.size_bytes)} · {image.format}"
    return Tile(image, facts=facts, badge="stays" if stays else facts.partition(" · ")[0])


def _forget(images: tuple[ImageRecord, ...]) -> None:
    try:
        current().library.remove([image.path for image in images])
    except PhotoseekError as error:
        st.session_state[_ERROR] = str(error)


def _liked(image_id: object) -> None:
    search_like(image_id)
    st.session_state[_LIKED] = True


def _ask() -> None:
    st.session_state[_ASKED] = True


def _more() -> None:
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE_GROUPS) + _PAGE_GROUPS
