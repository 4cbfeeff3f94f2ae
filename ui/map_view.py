"""The map as the browser gets it: places, addresses and names in as few numbers and letters as will do."""

from __future__ import annotations

from typing import Final

import streamlit as st

from ..library.checks.base import counted
from ..library.types import ImageRecord
from ..search.library_map import Cluster, LibraryMap
from .component import Events, mount
from .grid import shown_name
from .images import Shape
from .resources import Resources

_STEPS: Final = 65_535
"""Into which each side of the map is cut: finer than any screen."""

_WORDS: Final = {
    "lasso": "Lasso",
    "lassoHelp": "Draw around pictures to choose them",
    "closer": "Closer",
    "further": "Further away",
    "all": "Show all",
    "clusters": "Clusters",
    "hint": "Drag to move · click, then scroll to zoom · Lasso, or Shift and drag, to choose · arrow keys and Enter",
}


def show_map(drawn: LibraryMap, picked: int | None, resources: Resources, key: str, events: Events) -> None:
    """Draw a map; `told(key, event)` says what happened.

    Events: `opened` tells an id, `picked` the number of a cluster, `lassoed` ids.
    """
    version = resources.library.version()
    data = _map_data(drawn.method, version, drawn, resources)
    mount("map", key, {**data, "picked": picked, "words": _WORDS}, events)


def words_of(cluster: Cluster) -> str:
    """Return the words for a cluster in one line."""
    return ", ".join(cluster.labels)


@st.cache_data(max_entries=4, show_spinner=False)
def _map_data(method: str, version: int, _drawn: LibraryMap, _resources: Resources) -> dict[str, object]:
    """Return what the script needs; remembered by what names the map, since it holds thousands of addresses."""
    records = _resources.library.images(_drawn.ids.tolist())
    kept = [row for row, image_id in enumerate(_drawn.ids.tolist()) if image_id in records]
    images = [records[int(_drawn.ids[row])] for row in kept]
    places = (_drawn.places[kept] * _STEPS).astype(int)
    addresses = [_resources.pictures.address(image, Shape.GRID) for image in images]
    base = addresses[0].rpartition("/")[0] + "/" if addresses else ""
    row_of = {image.id: row for row, image in enumerate(images)}
    shared = f"{counted(len(images), 'picture')} in {counted(len(_drawn.clusters), 'cluster')}"
    return {
        "key": f"{method}-{version}",
        "label": f"Map of {shared}. Arrow keys go from picture to picture, Enter opens one.",
        "ids": [image.id for image in images],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "cluster": _drawn.members[kept].tolist(),
        "base": base,
        "pictures": [address.removeprefix(base) for address in addresses],
        "names": [shown_name(image) for image in images],
        "clusters": [_cluster_data(cluster, row_of) for cluster in _drawn.clusters],
    }


def _cluster_data(cluster: Cluster, row_of: dict[int, int]) -> dict[str, object]:
    return {
        "word": cluster.labels[0] if cluster.labels else "",
        "more": ", ".join(cluster.labels[1:]),
        "words": words_of(cluster),
        "count": cluster.count,
        "x": cluster.x,
        "y": cluster.y,
        "example": row_of.get(cluster.example, 0),
    }


def images_of(drawn: LibraryMap, number: int) -> list[int]:
    """Return the ids of one cluster's images, ascending."""
    return [int(image_id) for image_id in drawn.ids[drawn.members == number]]


def sorted_by_place(drawn: LibraryMap, records: dict[int, ImageRecord]) -> list[ImageRecord]:
    """Return records in the order in which the map has their images: from left to right."""
    left = dict(zip(drawn.ids.tolist(), drawn.places[:, 0].tolist(), strict=True))
    return sorted(records.values(), key=lambda record: (left.get(record.id, 0.0), record.id))
