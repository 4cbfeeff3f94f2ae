"""Where a map's images lie: on a plane by UMAP or PCA, and in clusters by k-means on the sphere."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import normalized
from ..library.errors import QueryError
from ..library.types import Vectors

LayoutMethod: TypeAlias = Literal["pca", "umap"]

_FEWEST_FOR_UMAP: Final = 30
"""Below, its neighbourhoods of fifteen are half of everything, and PCA shows the same."""

_NEIGHBOURS: Final = 15
_COMPONENTS_FIRST: Final = 50
"""Principal components that UMAP is given: they hold what neighbourhoods depend on, and halve its time."""

_ROUNDS_OF_UMAP: Final = 200
"""As UMAP itself takes for more than 10,000 points; for fewer it takes 500, and two and a half times as long."""

_START_WIDTH: Final = 10.0
"""How far the first two principal components reach to either side at its start, as UMAP has it for its own start."""

_BLOCK: Final = 1_024

_BY_RANK: Final = 0.6
"""How much of a place is told by its rank along an axis, the rest by its value: crowds are spread, gaps stay gaps."""


def best_method() -> LayoutMethod:
    """Return `umap` where umap-learn is installed, else `pca`."""
    return "umap" if find_spec("umap") is not None else "pca"


def layout(vectors: Vectors, method: LayoutMethod) -> tuple[Vectors, LayoutMethod]:
    """Return (n, 2) float32 places in the unit square, and how they were found: few vectors are always laid out by PCA.

    Args:
        vectors: (n, dim) float32.
        method: which to use; both give the same answer each time.

    Raises:
        QueryError: UMAP was asked for and is not installed.
    """
    if method == "umap" and best_method() != "umap":
        raise QueryError("umap-learn is not installed: `pip install 'photoseek[explore]'`, or use pca")
    if method == "umap" and len(vectors) >= _FEWEST_FOR_UMAP:
        return _in_unit_square(_umap(vectors)), "umap"
    return _in_unit_square(principal_components(vectors, 2)), "pca"


def principal_components(vectors: Vectors, count: int) -> Vectors:
    """Return (n, count) float32 coordinates along the directions in which (n, dim) vectors differ most.

    Each direction points where its largest weight is positive, so that the answer does not flip. Where there are fewer
    directions than `count`, the coordinates left over are 0.
    """
    coordinates = np.zeros((len(vectors), count), dtype=np.float32)
    if len(vectors) < 2:
        return coordinates
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # Of the (dim, dim) scatter matrix: for thousands of vectors far cheaper than decomposing them themselves.
    _, directions = np.linalg.eigh(centred.T @ centred)
    first = directions[:, ::-1][:, :count]
    first *= np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
    coordinates[:, : first.shape[1]] = centred @ first
    return coordinates


def _umap(vectors: Vectors) -> Vectors:
    from umap import UMAP

    components = principal_components(vectors, _COMPONENTS_FIRST)
    with warnings.catch_warnings():
        # It says that a fixed seed means one thread, which is what is wanted, and much about its dependencies.
        warnings.simplefilter("ignore")
        reducer = UMAP(
            n_neighbors=_NEIGHBOURS,
            min_dist=0.5,
            random_state=0,
            n_jobs=1,
            n_epochs=_ROUNDS_OF_UMAP,
            # Its own start, from eigenvectors of the graph, and its own search for neighbours take most of its time.
            init=components[:, :2] / max(float(np.abs(components[:, :2]).max()), 1e-12) * _START_WIDTH,
            precomputed_knn=nearest_neighbours(components, min(_NEIGHBOURS, len(vectors) - 1)),
        )
        return np.asarray(reducer.fit_transform(components), dtype=np.float32)


def nearest_neighbours(points: Vectors, count: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return the places of the `count` points nearest to each of (n, dim), itself the first, and their distances."""
    squares = (points * points).sum(axis=1)
    places = np.empty((len(points), count), dtype=np.int64)
    distances = np.empty((len(points), count), dtype=np.float32)
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        apart = np.maximum(squares[block, np.newaxis] + squares - 2 * points[block] @ points.T, 0.0)
        apart[np.arange(len(apart)), np.arange(start, start + len(apart))] = -1.0  # whatever rounding says
        near = np.argpartition(apart, count - 1, axis=1)[:, :count]
        order = np.take_along_axis(apart, near, axis=1).argsort(axis=1, kind="stable")
        places[block] = np.take_along_axis(near, order, axis=1)
        distances[block] = np.sqrt(np.maximum(np.take_along_axis(apart, places[block], axis=1), 0.0))
    return places, distances


def _in_unit_square(places: Vectors) -> Vectors:
    """Scale (n, 2) places to fill the unit square, whatever their proportions; a single one lies in its middle.

    Equal values get equal places, and of two along an axis the order stays.
    """
    scaled = np.full(places.shape, 0.5, dtype=np.float32)
    for axis in range(2):
        values, row_of = np.unique(places[:, axis], return_inverse=True)
        if len(values) > 1:
            by_value = (values - values[0]) / (values[-1] - values[0])
            by_rank = np.arange(len(values)) / (len(values) - 1)
            scaled[:, axis] = (_BY_RANK * by_rank + (1 - _BY_RANK) * by_value)[row_of]
    return scaled


Members: TypeAlias = NDArray[np.int64]
"""(n,) int64: for each vector the number of its cluster, from 0."""

ROUNDS: Final = 25
"""Of assigning and averaging: on photographs few vectors change sides after ten."""

TRIES: Final = 4
"""Starts of which the tightest is kept: k-means finds the nearest good answer, not the best."""


def cluster_count(count: int) -> int:
    """Return into how many clusters `count` pictures are parted: few enough to read, 2 to 20; 1 below four."""
    return 1 if count < 4 else int(np.clip(round((count / 4) ** 0.5), 2, 20))


def clusters(vectors: Vectors, count: int, seed: int = 0) -> Members:
    """Part (n, dim) L2-normalised vectors into up to `count` clusters by cosine; the largest is number 0.

    Spherical k-means (Dhillon and Modha, 2001), started by k-means++ (Arthur and Vassilvitskii, 2007). For one seed,
    the answer is always the same. Fewer come back where fewer vectors differ.
    """
    chance = np.random.default_rng(seed)
    answers = [_one_try(vectors, min(count, len(vectors)), chance) for _ in range(TRIES)]
    _, members = max(answers, key=lambda answer: answer[0])
    used, sizes = np.unique(members, return_counts=True)
    number = np.empty(used.max(initial=-1) + 1, dtype=np.int64)
    number[used[np.argsort(-sizes, kind="stable")]] = np.arange(len(used))
    return number[members]


def centres(vectors: Vectors, members: Members) -> Vectors:
    """Return the mean direction of each cluster, (clusters, dim) L2-normalised float32."""
    sums = np.zeros((members.max(initial=-1) + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, members, vectors)
    return normalized(sums)


def _one_try(vectors: Vectors, count: int, chance: np.random.Generator) -> tuple[float, Members]:
    """Return how tight the clusters of one start are, the mean cosine to their centres, and the clusters."""
    if not len(vectors):
        return 0.0, np.empty(0, dtype=np.int64)
    middle = _start(vectors, count, chance)
    members = np.full(len(vectors), -1, dtype=np.int64)
    for _ in range(ROUNDS):
        scores = vectors @ middle.T
        nearest = np.argmax(scores, axis=1)
        if np.array_equal(nearest, members):
            break
        members = nearest
        for number in range(count):
            own = vectors[members == number]
            if len(own):  # one that lost all its vectors keeps its place
                middle[number] = normalized(own.mean(axis=0, keepdims=True))[0]
    return float((vectors @ middle.T).max(axis=1).mean()), members


def _start(vectors: Vectors, count: int, chance: np.random.Generator) -> Vectors:
    """Choose `count` vectors far from one another: each next one by its distance to the nearest chosen before."""
    chosen = [int(chance.integers(len(vectors)))]
    distance = 1.0 - vectors @ vectors[chosen[0]]
    while len(chosen) < count:
        weights = np.clip(distance, 0.0, None).astype(np.float64)
        total = weights.sum()
        chosen.append(int(chance.choice(len(vectors), p=weights / total if total > 0 else None)))
        distance = np.minimum(distance, 1.0 - vectors @ vectors[chosen[-1]])
    return vectors[chosen]
