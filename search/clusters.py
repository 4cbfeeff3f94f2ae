"""Clusters: vectors of one library parted into groups of like pictures, by k-means on the sphere."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import normalized
from ..library.types import Vectors

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
