"""Near pairs of a whole library: none lost that comparing all with all finds, with less work than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photoseek.library.embedders.base import normalized
from photoseek.library.images.hashes import hash_distance
from photoseek.library.types import ImageIds, Vectors
from photoseek.search import near_pairs as module
from photoseek.search.duplicates import MIRRORED_BITS, DuplicateOptions, agree
from photoseek.search.near_pairs import NEIGHBOURS, NearPairs, VectorTable, near_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIM = 24


def pictures(count: int, copied: int, seed: int = 0) -> Vectors:
    """Vectors around places, the last `copied` of them near copies of the first."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((max(4, count // 50), DIM), dtype=np.float32)
    vectors = places[rng.integers(len(places), size=count)] + 0.8 * rng.standard_normal((count, DIM), np.float32)
    vectors[count - copied :] = vectors[:copied] + 0.05 * rng.standard_normal((copied, DIM), np.float32)
    return normalized(vectors)


def near(scores: Vectors, _first: NDArray[np.uint64], _second: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return scores >= 0.95


def untold(_done: int, _total: int) -> None:
    pass


class Table:
    """A table of vectors that counts how many are fetched."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.fetched = vectors, 0
        self.ids = np.arange(len(vectors)) * 3 + 7

    def fetch(self, ids: ImageIds) -> Vectors:
        self.fetched += len(ids)
        return self.vectors[(ids - 7) // 3]

    def table(self) -> VectorTable:
        return VectorTable(self.ids, np.zeros(len(self.ids), dtype=np.uint64), self.fetch)


def places(pairs: NearPairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 300), st.integers(0, 40), st.integers(0, 5))
def test_few_pictures_are_all_compared(count: int, copied: int, seed: int) -> None:
    vectors = pictures(count, min(copied, count // 2), seed)
    found = near_pairs(Table(vectors).table(), 0.9, near, untold)
    scores = vectors @ vectors.T
    expected = {(a, b) for a, b in np.argwhere(np.triu(scores >= 0.95, 1)).tolist()}
    assert places(found) <= expected
    neighbours = (scores >= 0.95).sum(axis=1) - 1
    if neighbours.max(initial=0) <= NEIGHBOURS:
        assert places(found) == expected
    assert found.scores == pytest.approx(scores[found.first, found.second], abs=1e-6)


def test_parts_find_the_copies_with_a_fraction_of_the_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_UP_TO", 100)
    vectors = pictures(6_000, 300)
    compared: list[int] = []

    def counted(scores: Vectors, first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.bool_]:
        compared.append(len(scores))
        return near(scores, first, second)

    table = Table(vectors)
    told: list[tuple[int, int]] = []
    found = places(near_pairs(table.table(), -1.0, counted, lambda done, total: told.append((done, total))))
    copies = {(number, 5_700 + number) for number in range(300)}
    assert len(found & copies) >= 297
    assert sum(compared) <= 0.3 * 6_000**2
    assert told[0] == (0, 6_000)
    assert told[-1] == (6_000, 6_000)
    assert told == sorted(told)


def test_a_burst_keeps_the_nearest_few_of_each_picture() -> None:
    vectors = normalized(
        np.ones((500, DIM), np.float32) + 0.01 * np.random.default_rng(0).random((500, DIM), np.float32)
    )
    found = near_pairs(Table(vectors).table(), 0.9, near, untold)
    assert len(found.first) <= 500 * NEIGHBOURS
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    for place in (0, 250, 499):
        mine = set(found.second[found.first == place].tolist()) | set(found.first[found.second == place].tolist())
        assert set(np.argsort(-scores[place])[: NEIGHBOURS - 4].tolist()) <= mine


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 64))
def test_hashes_agree_upright_or_mirrored_and_not_where_there_is_none(first: int, second: int, bits: int) -> None:
    expected = (
        first != 0
        and second != 0
        and min(hash_distance(first, second), hash_distance(first, second ^ MIRRORED_BITS)) <= bits
    )
    one, other = np.array([first], dtype=np.uint64), np.array([second], dtype=np.uint64)
    assert bool(agree(one, other, bits)[0]) is expected
    options = DuplicateOptions(sure_score=0.9, likely_score=0.5, most_hash_bits=bits)
    assert options.are_near(np.array([0.9, 0.7, 0.4]), one.repeat(3), other.repeat(3)).tolist() == [
        True,
        expected,
        False,
    ]
