"""Filters that lean away from the query: how far the lists are searched, and that nothing better is left behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from photoseek.library.embedders.base import normalized
from photoseek.library.types import ImageIds, Vectors
from photoseek.library.vectors import faiss_index
from photoseek.library.vectors.faiss_index import FaissIndex
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.index import Selection
from photoseek.library.vectors.index_type import IndexRecipe
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.library.vectors.row_ids import Mask

DIM, COUNT, LISTS, K = 32, 12_000, 64, 20
QUERIES = 30


def drawn(count: int, seed: int) -> Vectors:
    """Vectors around sixty places, spread unequally along the axes, as real ones are; rounded as the catalogue does."""
    places = np.random.default_rng(7).standard_normal((60, DIM), dtype=np.float32)
    rng = np.random.default_rng(seed)
    spread = (np.arange(1, DIM + 1) ** -0.5).astype(np.float32)
    vectors = places[rng.integers(60, size=count)] + 0.8 * rng.standard_normal((count, DIM), np.float32)
    return normalized(vectors * spread).astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module", params=["SQ8", "PQ16", "RaBitQfs"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FaissIndex:
    rotation = f"RR{DIM}," if request.param == "RaBitQfs" else ""
    recipe = IndexRecipe(f"{rotation}IVF{LISTS},{request.param}")
    folder = tmp_path_factory.mktemp("vectors")
    generations = Generations(folder, GenerationIdentity("library", "model", DIM), lambda _count, _dim: recipe)
    built = generations.publish([(np.arange(COUNT) + 1, drawn(COUNT, 0))], 1, COUNT).load()
    assert isinstance(built, FaissIndex)
    return built


@pytest.fixture(autouse=True)
def lists_whatever_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "FEW_ROWS", 0)


def farthest(scores: Vectors, share: float) -> ImageIds:
    """The rows that lie farthest from the query."""
    return np.sort(np.argsort(scores)[: round(share * COUNT)])


def all_but_the_nearest(scores: Vectors, share: float) -> ImageIds:
    """Some of the rows, but none of the twentieth part that is nearest to the query."""
    far = np.argsort(scores)[: round(0.95 * COUNT)]
    return np.sort(np.random.default_rng(1).choice(far, round(share * len(far)), replace=False))


@pytest.mark.parametrize("leaning", [farthest, all_but_the_nearest])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_a_filter_opposed_to_the_query_loses_next_to_nothing(
    index: FaissIndex, leaning: Callable[[Vectors, float], ImageIds], share: float
) -> None:
    queries, vectors = drawn(QUERIES, 1), drawn(COUNT, 0)
    found = 0
    for query, scores in zip(queries, queries @ vectors.T, strict=True):
        rows = leaning(scores, share)
        [matches] = index.search(query[np.newaxis], K, Selection.only(rows + 1))
        assert len(matches) == K
        last = np.sort(scores[rows])[-K]
        found += sum(match.score >= last - 1e-6 for match in matches)
    assert found / (QUERIES * K) >= 0.97


def test_a_filter_that_has_nothing_to_do_with_the_query_is_not_searched_through(index: FaissIndex) -> None:
    visited: list[int] = []
    rows = np.sort(np.random.default_rng(2).choice(COUNT, COUNT // 2, replace=False))

    class Counting(FaissIndex):
        def candidates(
            self, queries: Vectors, asked: int, nprobe: int, mask: Mask | None = None
        ) -> tuple[Vectors, ImageIds]:
            visited.append(nprobe)
            return super().candidates(queries, asked, nprobe, mask)

    counting = Counting(index._stored, index._index, index.tuning)
    for query in drawn(QUERIES, 1):
        counting.search(query[np.newaxis], K, Selection.only(rows + 1))
    assert np.median(visited) <= LISTS / 2


def test_what_lists_may_still_hold_is_expected_about_right(index: FaissIndex) -> None:
    queries, vectors = drawn(QUERIES, 1), drawn(COUNT, 0)
    outlook = index._outlook
    rows = np.sort(np.random.default_rng(3).choice(COUNT, COUNT // 3, replace=False))
    allowed = np.bincount(outlook.list_of_row[rows], minlength=LISTS)
    missed = 0
    for query, scores in zip(queries, queries @ vectors.T, strict=True):
        last = float(np.sort(scores[rows])[-K])
        visited = np.argsort(-(outlook.centres @ query), kind="stable")[
            : outlook.lists_worth_visiting(query, allowed, last, K)
        ]
        better = rows[scores[rows] >= last]
        missed += int(np.count_nonzero(~np.isin(outlook.list_of_row[better], visited)))
    assert missed <= 0.03 * K * QUERIES


def test_lists_are_left_alone_where_nothing_is_allowed_and_all_are_visited_for_any_score(index: FaissIndex) -> None:
    [query] = drawn(1, 4)
    outlook = index._outlook
    nothing, everything = np.zeros(LISTS, np.int64), np.full(LISTS, 100)
    assert outlook.lists_worth_visiting(query, nothing, -1.0, K) == 0
    assert outlook.lists_worth_visiting(query, everything, -1.0, K) == LISTS
    visits = [outlook.lists_worth_visiting(query, everything, last, K) for last in (0.2, 0.5, 0.8, 3.0)]
    assert visits == sorted(visits, reverse=True)
    assert visits[-1] == 0
