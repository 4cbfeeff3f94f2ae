"""The duplicates page: groups of pictures of which one is enough, to review; no file is ever touched."""

from __future__ import annotations

from typing import Final

import streamlit as st

from .. import DuplicateGroup, DuplicateOptions, ImageRecord, PhotoseekError
from .components import counted, literal, mount, size_in_words, told
from .empty import image_count, show_emptiness
from .grid import shown_name
from .picture_facts import item_of
from .places import folder_of, place_of
from .resources import Resources, current
from .state import read_state
from .viewer import show_viewer

_KINDS: Final = {True: "Copies and look-alikes", False: "Exact copies"}
_PAGE_GROUPS: Final = 12
_AT_ONCE: Final = 20_000
"""Up to so many pictures are compared without being asked to: with the built-in model, in a few seconds."""

_ASKED: Final = "duplicates_asked"
_SHOWN: Final = "duplicates_shown"
_KEPT: Final = "duplicates_kept"
_FORGOTTEN: Final = "duplicates_forgotten"
_LOOK_EVERY_S: Final = 0.7
_WORDS: Final = {"open": "Open", "stays": "Stays", "goes": "Goes", "best": "The most of these"}
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
    _show_undo(resources)
    groups = _groups(resources.library.version(), near is not False, resources)
    if not groups:
        st.markdown("#### No duplicates")
        st.caption("Every picture of the library is there once.")
        return
    _show_summary(groups)
    shown = st.session_state.get(_SHOWN, _PAGE_GROUPS)
    for group in groups[:shown]:
        _show_group(group, resources)
    if len(groups) > shown:
        st.button(f"Show more of {len(groups):,} groups", on_click=_more)
    show_viewer(read_state().opened)


@st.cache_data(max_entries=4, show_spinner="Comparing pictures…")
def _groups(version: int, near: bool, _resources: Resources) -> list[DuplicateGroup]:  # noqa: FBT001 - part of a key
    del version  # what was found holds for one state of the library
    return _resources.library.duplicates(DuplicateOptions(near=near))


def _show_summary(groups: list[DuplicateGroup]) -> None:
    spare = [image for group in groups for image in group.images if image.id not in kept_of(group)]
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
    st.caption("The best of each group comes first: most pixels, then the oldest file. No file is deleted here.")


def _show_group(group: DuplicateGroup, resources: Resources) -> None:
    first = group.images[0]
    key = f"duplicates_{first.id}"
    kind = "the same file to the byte" if group.kind == "exact" else "alike"
    kept = kept_of(group)
    data = {
        "label": f"{len(group.images)} duplicates",
        "items": [
            item_of(image, resources) | {"facts": facts}
            for image, facts in zip(group.images, compared(group.images), strict=True)
        ],
        "kept": list(kept),
        "fixed": resources.options.read_only,
        "words": _WORDS,
    }
    with st.container(border=True):
        st.markdown(f"**{len(group.images)} pictures** :gray[· {kind}]")
        mount("compare", key, data, {"kept": lambda: _keep(group, told(key, "kept"))})
        others = tuple(image for image in group.images if image.id not in kept)
        with st.container(horizontal=True, key=f"{key}_tools"):
            with st.popover("Paths", icon=":material/content_copy:"):
                for title, images in (("Stays", kept_images(group)), ("Could go", others)):
                    st.caption(title)
                    st.code("\n".join(place_of(image.path) for image in images), language=None)
            if not resources.options.read_only:
                st.button(
                    "Forget the others",
                    key=f"{key}_forget",
                    icon=":material/playlist_remove:",
                    help="Takes those that go out of the library, until you undo it; no file is touched.",
                    disabled=not others or not kept,
                    on_click=_forget,
                    args=(others,),
                )


def compared(images: tuple[ImageRecord, ...]) -> list[list[list[object]]]:
    """Return what sets images apart, a list for each: name, value, and whether none has more of it."""
    pixels, sizes = [image.width * image.height for image in images], [image.size_bytes for image in images]
    rows = []
    for image, area, size_bytes in zip(images, pixels, sizes, strict=True):
        taken = image.taken_at
        facts: list[tuple[str, str, bool]] = [
            ("Name", shown_name(image), False),
            ("Pixels", f"{image.width:,} × {image.height:,}", area == max(pixels) > min(pixels)),
            ("File", f"{size_in_words(size_bytes)} · {image.format}", size_bytes == max(sizes) > min(sizes)),
            ("Taken", "" if taken is None else f"{taken.day} {taken:%b %Y, %H:%M}", False),
            ("Folder", folder_of(image.path), False),
        ]
        rows.append([[name, value, is_best] for name, value, is_best in facts if value])
    return rows


def kept_of(group: DuplicateGroup) -> tuple[int, ...]:
    """Return the ids of those that stay: the first, unless others were chosen on this visit."""
    chosen = st.session_state.get(_KEPT, {}).get(group.images[0].id)
    return (group.images[0].id,) if chosen is None else chosen


def kept_images(group: DuplicateGroup) -> tuple[ImageRecord, ...]:
    """Return the records of those that stay."""
    kept = kept_of(group)
    return tuple(image for image in group.images if image.id in kept)


def _keep(group: DuplicateGroup, ids: object) -> None:
    if isinstance(ids, list):
        known = {image.id for image in group.images}
        chosen = st.session_state.setdefault(_KEPT, {})
        chosen[group.images[0].id] = tuple(image_id for image_id in ids if image_id in known)


def _forget(images: tuple[ImageRecord, ...]) -> None:
    try:
        current().library.remove([image.path for image in images])
    except PhotoseekError as error:
        st.session_state[_ERROR] = str(error)
        return
    st.session_state[_FORGOTTEN] = [*st.session_state.get(_FORGOTTEN, ()), *images]


def _show_undo(resources: Resources) -> None:
    """Draw what brings back the pictures that this visit had forgotten; nothing where there are none."""
    forgotten: list[ImageRecord] = st.session_state.get(_FORGOTTEN, [])
    job = resources.jobs.state
    if job is not None and job.is_running:
        st.fragment(_wait_for_job, run_every=_LOOK_EVERY_S)()
    elif forgotten:
        with st.container(horizontal=True, vertical_alignment="center", key="forgotten"):
            st.markdown(f"{counted(len(forgotten), 'picture')} forgotten.", width="content")
            st.button("Undo", icon=":material/undo:", on_click=_undo)


def _wait_for_job() -> None:
    job = current().jobs.state
    if job is None or not job.is_running:
        st.rerun()
    st.progress(0.0, "Bringing them back…")


def _undo() -> None:
    """Index the folders again in which what was forgotten lies: what is there already is not read."""
    resources, forgotten = current(), st.session_state.pop(_FORGOTTEN, [])
    roots = [root.path for root in resources.library.roots()]
    below = [root for root in roots if any(image.path.is_relative_to(root) for image in forgotten)]
    try:
        resources.jobs.start([str(root) for root in below or {image.path.parent for image in forgotten}])
    except PhotoseekError as error:
        st.session_state[_FORGOTTEN], st.session_state[_ERROR] = forgotten, str(error)


def _ask() -> None:
    st.session_state[_ASKED] = True


def _more() -> None:
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, _PAGE_GROUPS) + _PAGE_GROUPS
