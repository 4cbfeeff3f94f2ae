"""What to do with several pictures at once: search by them, or take them away as a table or a sheet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st
from PIL import Image

from .. import Hit, KnownImage
from .images import ImageServer, Shape
from .page_routes import MOST_ORIGINALS, originals_address
from .places import place_of
from .resources import Resources, current
from .state import MOST_PARTS, Part, read_state, write_state

CHOSEN: Final = "chosen"
CHOICE: Final = "choice"
_MOST_ON_SHEET: Final = 100


def chosen_ids() -> tuple[int, ...]:
    """Return the ids of the pictures that are selected."""
    return tuple(st.session_state.get(CHOSEN, ()))


def choose(value: object) -> None:
    """Note what the grid says is selected."""
    if isinstance(value, list):
        st.session_state[CHOSEN] = [image_id for image_id in value if isinstance(image_id, int)]


def show_selection(hits: dict[int, Hit], resources: Resources) -> None:
    """Draw the row of what can be done with the selection; nothing where nothing is selected."""
    ids = chosen_ids()
    if not ids:
        return
    missing = [image_id for image_id in ids if image_id not in hits]
    known = hits | {found.id: Hit(found, 0.0) for found in resources.library.images(missing).values()}
    chosen = [known[image_id] for image_id in ids if image_id in known]
    with st.container(horizontal=True, vertical_alignment="center", key="selection"):
        st.markdown(f"**{len(chosen):,} selected**", width="content")
        st.button("Search by these", icon=":material/image_search:", on_click=_search_by, type="primary")
        offer_downloads(chosen)
        st.button("Clear", icon=":material/close:", on_click=clear_selection, type="tertiary")


def offer_downloads(hits: list[Hit]) -> None:
    """Draw what takes pictures away: as a table, and the first hundred as a sheet."""
    st.link_button(
        "Originals",
        originals_address([hit.image for hit in hits], current()),
        icon=":material/folder_zip:",
        help=f"The files as they are, in one archive: {MOST_ORIGINALS} at most."
        if len(hits) > MOST_ORIGINALS
        else None,
    )
    st.download_button("Table", _lazily(_csv, hits), "pictures.csv", "text/csv", icon=":material/table:")
    sheet = _lazily(_sheet, hits[:_MOST_ON_SHEET])
    st.download_button("Contact sheet", sheet, "pictures.png", "image/png", icon=":material/grid_view:")


def clear_selection() -> None:
    """Select nothing."""
    st.session_state[CHOSEN] = []
    st.session_state[CHOICE] = st.session_state.get(CHOICE, 0) + 1


def _search_by() -> None:
    state = read_state()
    write_state(state.asking("", [Part(KnownImage(image_id)) for image_id in chosen_ids()[:MOST_PARTS]]))
    clear_selection()


def _lazily(make: Callable[[list[Hit]], bytes], hits: list[Hit]) -> Callable[[], bytes]:
    """Make a file when it is asked for, and not whenever the page is drawn."""
    return lambda: make(hits)


def _csv(hits: list[Hit]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures.csv"
        shown = [replace(hit, image=replace(hit.image, path=Path(place_of(hit.image.path)))) for hit in hits]
        current().library.export_csv(shown, file)
        return file.read_bytes()


def _sheet(hits: list[Hit]) -> bytes:
    resources = current()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures.png"
        tile_of = partial(_tile, resources.pictures)
        resources.library.export_sheet(hits, file, title="photoseek", tile_of=tile_of)
        return file.read_bytes()


def _tile(pictures: ImageServer, hit: Hit, side_px: int) -> Image.Image:
    tile = pictures.image(hit.image, Shape.GRID)
    tile.thumbnail((side_px, side_px))
    return tile
