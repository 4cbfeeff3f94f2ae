"""What is shown in place of a page that needs pictures while there are none."""

from __future__ import annotations

import streamlit as st

from .. import LibraryNotFound
from .resources import Resources
from .state import link_to


def image_count(resources: Resources) -> int:
    """Return how many pictures the library has; none where there is no library yet."""
    try:
        return resources.library.count()
    except LibraryNotFound:
        return 0


def show_emptiness(resources: Resources) -> None:
    """Say that there are no pictures, and how there will be some."""
    with st.container(horizontal_alignment="center", key="empty"):
        st.markdown("### No pictures yet", width="content")
        st.caption("Index a folder, and its pictures can be found here.", width="content")
        if not resources.options.read_only:
            link_to("library_page", "Add a folder of pictures", ":material/create_new_folder:")
            st.caption("or in a terminal", width="content")
            st.code("photoseek index ~/Pictures", language=None, width="content")
