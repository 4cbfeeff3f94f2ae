"""Picks a folder of the server's machine, level by level: for its owner alone, who may index any folder anyway."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from .components import counted, literal, shown_path

_AT: Final = "picker_at"
_MOST_FOLDERS: Final = 200
_MOST_FILES: Final = 10_000
_SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2"),
        *(".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf"),
    }
)


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder: the names of folders, and how many files look like pictures by their names."""

    folders: tuple[str, ...]
    pictures: int


def listed(folder: Path) -> Listing:
    """Look into a folder, at so many entries at most; hidden folders are left out.

    Raises:
        OSError: it cannot be read.
    """
    folders, pictures = [], 0
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_FILES:
                break
            if not entry.name.startswith(".") and entry.is_dir():
                folders.append(entry.name)
            pictures += Path(entry.name).suffix.lower() in _SUFFIXES
    return Listing(tuple(sorted(folders, key=str.casefold)[:_MOST_FOLDERS]), pictures)


def show_picker(take: Callable[[str], None], *, disabled: bool) -> None:
    """Draw what opens it; `take` is called with the path of the folder that was chosen."""
    with st.popover("Browse", icon=":material/folder_open:", disabled=disabled):
        at = Path(st.session_state.get(_AT, Path.home()))
        st.markdown(f"**{literal(shown_path(at))}**")
        try:
            found = listed(at)
        except OSError as error:
            st.warning(literal(f"{shown_path(at)}: {error.strerror or error}"))
            found = Listing((), 0)
        st.caption(f"{counted(found.pictures, 'picture')} here, as far as names tell")
        with st.container(horizontal=True, key="picker_tools"):
            st.button("Up", icon=":material/arrow_upward:", on_click=_go, args=(at.parent,), disabled=at == at.parent)
            st.button("Take this folder", type="primary", on_click=take, args=(str(at),))
        with st.container(height=260 if len(found.folders) > 6 else "content", border=False):
            for name in found.folders:
                label = literal(shown_path(name))
                st.button(
                    label,
                    key=f"picker_{name}",
                    icon=":material/folder:",
                    type="tertiary",
                    on_click=_go,
                    args=(at / name,),
                )


def _go(folder: Path) -> None:
    st.session_state[_AT] = str(folder)
