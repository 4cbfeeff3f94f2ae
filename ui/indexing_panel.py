"""The part of the library page that indexes: a folder to add, those known, and how far a run has come."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import streamlit as st

from .. import IndexReport, LibraryNotFound, PhotoseekError
from ..api import IndexedRoot
from ..api.indexing_job import IndexJobState
from .components import counted, literal, shown_path
from .folder_picker import show_picker
from .resources import Resources, current

_FOLDER: Final = "folder_to_index"
_GIVEN: Final = "folder_given"
ERROR: Final = "indexing_error"
"""Where is kept what was wrong with the last wish to index."""

_SEEN: Final = "indexing_seen"
_LOOK_EVERY_S: Final = 0.7
COUNT_EVERY_S: Final = 2.0
_LEAST_FOR_RATE_S: Final = 2.0


def show_indexing(resources: Resources) -> None:
    """Draw the form for a folder, and the run that is under way or was the last."""
    state = resources.jobs.state
    is_running = state is not None and state.is_running
    st.markdown("#### Add or update pictures")
    _keep_given(state)
    with st.form("index", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Folder on this computer",
            key=_FOLDER,
            placeholder=f"For example {Path.home() / 'Pictures'}",
            disabled=is_running,
        )
        st.form_submit_button(
            "Index", type="primary", icon=":material/add_photo_alternate:", on_click=_index_given, disabled=is_running
        )
    show_picker(_take, disabled=is_running)
    error = st.session_state.pop(ERROR, None)
    if error:
        st.error(literal(error))
    if state is None:
        st.caption("Pictures stay where they are; they are read once, and nothing is copied or changed.")
    elif is_running:
        st.session_state[_SEEN] = state.started_s
        st.fragment(_show_running, run_every=_LOOK_EVERY_S)()
    else:
        _show_outcome(state)
    st.fragment(_show_roots, run_every=COUNT_EVERY_S if is_running else None)()


def _keep_given(state: IndexJobState | None) -> None:
    """Have the box hold the folder that was given until it is indexed: Streamlit empties it, wrong or right."""
    given = st.session_state.get(_GIVEN)
    if given is None:
        return
    if state is not None and state.is_running:
        st.session_state[_FOLDER] = given
        return
    is_done = state is not None and state.report is not None and not state.report.interrupted
    st.session_state[_FOLDER] = "" if is_done and ERROR not in st.session_state else given
    del st.session_state[_GIVEN]


def _show_running() -> None:
    """Draw how far the run has come; drawn again on its own, until it ends and the whole page is."""
    state = current().jobs.state
    if state is None or not state.is_running:
        st.rerun()
    progress = state.progress
    if progress is None:
        st.progress(0.0, "Looking for pictures…")
    else:
        share = progress.done / progress.total if progress.total else 1.0
        st.progress(min(1.0, share), f"{progress.done:,} of {progress.total:,} files{_pace(state)}")
    stopping = "Stopping after this batch…" if state.is_stopping else "Stop"
    st.button(stopping, icon=":material/stop_circle:", on_click=_stop, disabled=state.is_stopping, key="stop_indexing")


def _pace(state: IndexJobState) -> str:
    passed_s = time.monotonic() - state.started_s
    progress = state.progress
    if progress is None or passed_s < _LEAST_FOR_RATE_S or not progress.done:
        return ""
    left_s = (progress.total - progress.done) * passed_s / progress.done
    left = f"{left_s / 60:.0f} min" if left_s > 90 else f"{left_s:.0f} s"
    return f" · {progress.done / passed_s:,.0f} a second · {left} left"


def _show_outcome(state: IndexJobState) -> None:
    if state.error is not None:
        st.error(literal(state.error))
    elif state.report is not None:
        say = st.warning if state.report.interrupted else st.success
        say(in_words(state.report))


def in_words(report: IndexReport) -> str:
    """Return what a run did in one sentence."""
    counts = {name.replace("_", " "): count for name, count in asdict(report).items() if name not in _NOT_COUNTED}
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing was found"
    return (
        f"Stopped before the end: {said}. Index again to go on from there." if report.interrupted else f"Done: {said}."
    )


_NOT_COUNTED: Final = frozenset({"embedded", "interrupted"})


def _show_roots() -> None:
    resources = current()
    is_running = resources.jobs.is_running
    try:
        roots = resources.library.roots()
    except LibraryNotFound:
        return
    for root in roots:
        _show_root(root, is_running=is_running)


def _show_root(root: IndexedRoot, *, is_running: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"root_{hash(root.catalog_path)}"):
        st.markdown(f"{literal(shown_path(root.path))} :gray[· {counted(root.images, 'picture')}]", width="stretch")
        st.button(
            "Update",
            key=f"update_{root.catalog_path}",
            icon=":material/sync:",
            help="Reads what is new or changed there, and notes what is gone.",
            on_click=_start,
            args=([root.path],),
            disabled=is_running,
        )


def _index_given() -> None:
    given = str(st.session_state.get(_FOLDER, "")).strip()
    if not given:
        st.session_state[ERROR] = "Name a folder first."
        return
    st.session_state[_GIVEN] = given
    try:
        _start([Path(given).expanduser()])
    except RuntimeError:
        st.session_state[ERROR] = f"{given}: there is no such home folder"


def _take(folder: str) -> None:
    st.session_state[_FOLDER] = folder


def _start(paths: list[Path]) -> None:
    if current().options.read_only:
        return
    try:
        current().jobs.start([str(path.absolute()) for path in paths])
    except PhotoseekError as error:
        st.session_state[ERROR] = str(error)


def _stop() -> None:
    current().jobs.stop()
