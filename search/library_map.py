"""The map of a library: its pictures on a plane, parted into clusters that are named by the words nearest to them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.checked_files import read_checked, write_checked
from ..library.embedders.base import normalized
from ..library.errors import QueryError
from ..library.types import ImageIds, Vectors
from ..library.vectors.generations import BUILD_FLOOR, BUILD_SHARE, model_folder_name
from ..library.vectors.live_vectors import LiveVectors
from .describe import Describer
from .map_layout import LayoutMethod, Members, best_method, centres, cluster_count, clusters, layout

logger = logging.getLogger(__name__)

MAP_IMAGES: Final = 10_000
"""Images that are drawn at most: more dots than that cover one another on a screen."""

_LABELS: Final = 3


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a map is made: `method` finds the places, the best one installed unless given; `most` images are on it.

    Raises:
        QueryError: `most` is less than 1.
    """

    method: LayoutMethod | None = None
    most: int = MAP_IMAGES

    def __post_init__(self) -> None:
        if self.most < 1:
            message = f"{self.most} images were asked for: a map has at least 1"
            raise QueryError(message)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Some pictures that are alike: `labels` are words near to them and far from the rest, the nearest first.

    `count` is of those on the map, `x` and `y` is the middle one of their places, and `example` the id of the image
    nearest to their mean.
    """

    labels: tuple[str, ...]
    count: int
    x: float
    y: float
    example: int


@dataclass(frozen=True, slots=True, eq=False)
class LibraryMap:
    """A library on a plane.

    Attributes:
        ids: (n,) int64, ascending: the images on the map; a sample of a large library, always the same one.
        places: (n, 2) float32 in the unit square, x to the right and y downwards.
        members: (n,) int64: each image's number among `clusters`.
        clusters: the largest first.
        method: how the places were found.
        images: how many the library has.
    """

    ids: ImageIds
    places: Vectors
    members: Members
    clusters: tuple[Cluster, ...]
    method: LayoutMethod
    images: int


@dataclass(frozen=True, slots=True)
class _Made:
    """What a map was made of."""

    library_id: str
    model_key: str
    vocabulary: str
    most: int
    count: int
    change_seq: int


class Maps:
    """The maps of one library in one model's space, made when first asked for and kept in `folder`. Thread-safe.

    Args:
        catalog: the library.
        vectors: its vectors in the model's space.
        model: the model's row in the catalogue.
        folders: where the files may be. They are kept in the first; one that cannot be written keeps them in memory
            alone.
    """

    def __init__(self, catalog: Catalog, vectors: LiveVectors, model: ModelRow, folders: Sequence[Path]) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._model = model
        self._folders = folders
        self._lock = Lock()
        self._kept: dict[LayoutMethod, tuple[_Made, LibraryMap]] = {}

    def current(self, options: MapOptions, describer: Describer) -> LibraryMap:
        """Return the map; it is made anew when the library has changed by what calls for new vector files.

        Until then what was removed is left out. Of up to two thousand images, any change is seen at once. `describer`
        names the clusters.

        Raises:
            QueryError: UMAP was asked for and is not installed.
        """
        method = options.method or best_method()
        with self._lock:
            meta = self._catalog.meta()
            count = self._catalog.count_vectors(self._model.id)
            vocabulary = describer.vocabulary.fingerprint
            made = _Made(meta.library_id, self._model.key, vocabulary, options.most, count, meta.change_seq)
            kept = self._kept.get(method) or self._read(method, made)
            if kept is None or not self._still_holds(kept[0], made):
                kept = (made, self._make(made, method, describer))
                self._write(method, *kept)
            self._kept[method] = kept
            return kept[1] if kept[0] == made else self._without_removed(kept[1], count)

    def _make(self, made: _Made, method: LayoutMethod, describer: Describer) -> LibraryMap:
        ids = self._catalog.sample_ids(self._model.id, made.most)[: made.most]
        vectors = self._vectors.vector_of(ids)
        # All pictures share a direction that tells nothing; without it, their differences are what counts.
        centred = normalized(vectors - vectors.mean(axis=0, keepdims=True)) if len(ids) > 1 else vectors
        members = clusters(centred, cluster_count(len(ids)))
        places, used = layout(vectors, method)
        named = tuple(
            _named(describer, centre, ids[members == number], centred[members == number], places[members == number])
            for number, centre in enumerate(centres(centred, members))
        )
        return LibraryMap(ids, places, members, named, used, made.count)

    def _still_holds(self, old: _Made, new: _Made) -> bool:
        if replace(old, count=new.count, change_seq=new.change_seq) != new:
            return False
        if old.change_seq == new.change_seq:
            return True
        changed = max(self._catalog.count_vectors(self._model.id, old.change_seq), abs(new.count - old.count))
        return new.count > BUILD_FLOOR and changed <= BUILD_SHARE * new.count

    def _without_removed(self, old: LibraryMap, count: int) -> LibraryMap:
        there = self._catalog.images(old.ids.tolist())
        kept = np.array([image_id in there for image_id in old.ids.tolist()], dtype=np.bool_)
        return replace(old, ids=old.ids[kept], places=old.places[kept], members=old.members[kept], images=count)

    def _files(self, method: LayoutMethod) -> list[Path]:
        return [folder / f"{method}-{model_folder_name(self._model.key)}.npz" for folder in self._folders]

    def _read(self, method: LayoutMethod, wanted: _Made) -> tuple[_Made, LibraryMap] | None:
        """Return the map that is kept and holds."""
        found = (_read_file(file) for file in self._files(method))
        return next((kept for kept in found if kept is not None and self._still_holds(kept[0], wanted)), None)

    def _write(self, method: LayoutMethod, made: _Made, drawn: LibraryMap) -> None:
        """Write the file whole or not at all; without it, the next process makes the map again."""
        file = self._files(method)[0]
        try:
            with write_checked(file) as stream:
                np.savez(
                    stream,
                    made=json.dumps(asdict(made)),
                    clusters=json.dumps([asdict(cluster) for cluster in drawn.clusters]),
                    method=drawn.method,
                    ids=drawn.ids,
                    places=drawn.places,
                    members=drawn.members,
                )
        except OSError as error:
            logger.info("the library's map is not kept: %s", error)


def _read_file(file: Path) -> tuple[_Made, LibraryMap] | None:
    kept = read_checked(file)
    if kept is None:
        return None  # not made yet, or damaged: made again
    try:
        with np.load(BytesIO(kept), allow_pickle=False) as stored:
            made = _Made(**json.loads(str(stored["made"])))
            named = tuple(
                Cluster(**fields | {"labels": tuple(fields["labels"])})
                for fields in json.loads(str(stored["clusters"]))
            )
            ids, places, members = stored["ids"], stored["places"], stored["members"]
            used: LayoutMethod = "umap" if str(stored["method"]) == "umap" else "pca"
    except (ValueError, KeyError, TypeError):
        return None  # of another version
    fits = places.shape == (len(ids), 2) and members.shape == ids.shape and members.max(initial=-1) < len(named)
    return (made, LibraryMap(ids, places, members, named, used, made.count)) if fits else None


def _named(describer: Describer, centre: Vectors, ids: ImageIds, vectors: Vectors, places: Vectors) -> Cluster:
    labels = tuple(label.text for label in describer.nearest(centre[np.newaxis], _LABELS))
    x, y = np.median(places, axis=0)
    return Cluster(labels, len(ids), float(x), float(y), int(ids[np.argmax(vectors @ centre)]))
