"""The frame of every page: the navigation, then the page that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import streamlit as st

from .. import PhotoseekError
from .places import in_a_line
from .state import PAGES

# Module in this folder -> title and icon, in the order of the navigation. The module's `show()` draws the page, whose
# path is the module's name less "_page". "search_page" comes first: it answers at the root.
_PAGES: Final = {
    "search_page": ("Search", ":material/search:"),
    "explore_page": ("Explore", ":material/bubble_chart:"),
    "places_page": ("Places", ":material/map:"),
    "describe_page": ("Describe", ":material/sell:"),
    "duplicates_page": ("Duplicates", ":material/filter_none:"),
    "library_page": ("Library", ":material/photo_library:"),
    "evaluate_page": ("Evaluate", ":material/query_stats:"),
}

_ICON: Final = str(Path(__file__).with_name("assets") / "icon.png")  # one of ours: Streamlit's are fetched from afar


def show() -> None:
    """Draw what this visit asks for."""
    st.set_page_config(page_title="photoseek", page_icon=_ICON, layout="wide")
    pages = {
        module: st.Page(
            _drawing(module),
            title=title,
            icon=icon,
            url_path=module.removesuffix("_page"),
            default=module == "search_page",
        )
        for module, (title, icon) in _PAGES.items()
    }
    st.session_state[PAGES] = pages
    shown = st.navigation(list(pages.values()), position="hidden")
    st.html(f"<style>{_style()}</style>")
    with st.container(horizontal=True, key="pages"):
        for module, page in pages.items():
            is_shown = page.url_path == shown.url_path
            with st.container(key=f"page_{module}_shown" if is_shown else f"page_{module}", width="content"):
                st.page_link(page, label=_PAGES[module][0], icon=_PAGES[module][1])
    shown.run()


@cache
def _style() -> str:
    """What Streamlit's own parts are to look like; a component's script may not reach them."""
    return Path(__file__).with_name("assets").joinpath("page.css").read_text(encoding="utf-8")


def _drawing(module: str) -> Callable[[], None]:
    """Return what draws a page: its module is imported when first shown, and its errors are told in one line."""

    def draw() -> None:
        show_page: Callable[[], None] = import_module(f".{module}", __package__).show
        try:
            show_page()
        except PhotoseekError as error:
            st.error(in_a_line(str(error)))

    return draw
