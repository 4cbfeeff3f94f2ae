"""Exact indexes, in memory and over a file, against the plain oracle: order, ties, selections, edges, threads."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.embedders.base import normalized
from photoseek.library.errors import DimensionMismatch, QueryError
from photoseek.library.types import ImageIds, Match, Vectors
from photoseek.library.vectors import exact, row_ids
from photoseek.library.vectors.exact import ExactIndex
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.index import Selection, VectorIndex
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.tests.support import oracle

Maker: TypeAlias = Callable[[ImageIds, Vectors], VectorIndex]


def over_a_file(ids: ImageIds, vectors: Vectors) -> VectorIndex:
    """Publish as a flat generation, which takes what the catalogue stores, and open it."""
    with tempfile.TemporaryDirectory() as folder:
        generations = Generations(Path(folder), GenerationIdentity("library", "model", vectors.shape[1]))
        generations.publish(
            [(ids[start : start + 7], vectors[start : start + 7]) for start in range(0, len(ids), 7)], 1, 0
        )
        generation = generations.newest()
        assert generation is not None
        return generation.load()


MAKERS: tuple[Maker, ...] = (ExactIndex, over_a_file)
every_index = pytest.mark.parametrize("make", MAKERS, ids=["memory", "file"])


def unit_vectors(rng: np.random.Generator, count: int, dim: int) -> Vectors:
    return normalized(rng.standard_normal((count, dim), dtype=np.float32))


def stored(vectors: Vectors) -> Vectors:
    """Round as the catalogue does, which keeps float16."""
    return vectors.astype(np.float16).astype(np.float32)


def assert_equal(matches: list[Match], expected: list[tuple[int, float]]) -> None:
    assert [match.image_id for match in matches] == [image_id for image_id, _ in expected]
    assert [match.score for match in matches] == pytest.approx([score for _, score in expected], abs=1e-12)


@st.composite
def libraries(draw: st.DrawFn) -> tuple[ImageIds, Vectors, Vectors]:
    """Ids in any order, vectors of which some are equal, and a few queries."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dim = draw(st.integers(1, 24))
    ids = np.array(draw(st.lists(st.integers(0, 2**40), max_size=60, unique=True)), dtype=np.int64)
    if draw(st.booleans()):
        ids = np.sort(ids)
    pool = stored(unit_vectors(rng, draw(st.integers(1, 60)), dim))
    vectors = pool[rng.integers(len(pool), size=len(ids))]
    return ids, vectors, unit_vectors(rng, draw(st.integers(0, 4)), dim)


@st.composite
def selections_of(draw: st.DrawFn, ids: ImageIds) -> tuple[Selection, set[int]]:
    """A selection, and the ids that it lets through."""
    held = [int(one) for one in ids]
    some = st.lists(st.sampled_from([*held, -1, 2**41]), max_size=80)
    kind = draw(st.sampled_from(["all", "all_but", "only", "only_without"]))
    named, less = draw(some), draw(some)
    if kind == "all":
        return Selection.all(), set(held)
    if kind == "all_but":
        return Selection.all_but(named), set(held) - set(named)
    if kind == "only":
        return Selection.only(named), set(held) & set(named)
    return Selection.only(named).without(less), (set(held) & set(named)) - set(less)


@every_index
@given(data=st.data(), library=libraries(), k=st.integers(1, 80))
def test_answers_equal_the_oracle_whatever_may_be_answered(
    make: Maker, data: st.DataObject, library: tuple[ImageIds, Vectors, Vectors], k: int
) -> None:
    ids, vectors, queries = library
    selection, allowed = data.draw(selections_of(ids))
    answers = make(ids, vectors).search(queries, k, selection)
    assert len(answers) == len(queries)
    for query, matches in zip(queries, answers, strict=True):
        scores = oracle.similarities(query, ids, vectors)
        expected = oracle.nearest({one: score for one, score in scores.items() if one in allowed}, k)
        assert_equal(matches, expected)


@every_index
def test_vectors_closer_than_float32_can_tell_are_in_exact_order(make: Maker) -> None:
    rng = np.random.default_rng(3)
    centre = unit_vectors(rng, 1, 512)
    vectors = normalized(centre + 1e-6 * rng.standard_normal((1500, 512), dtype=np.float32))
    ids = rng.permutation(1500).astype(np.int64)
    [matches] = make(ids, vectors).search(centre, 40)
    assert_equal(matches, oracle.nearest(oracle.similarities(centre[0], ids, vectors), 40))


@every_index
def test_equal_images_are_answered_by_ascending_id_however_many(make: Maker) -> None:
    ids = np.random.default_rng(0).permutation(np.arange(10, 700)).astype(np.int64)
    vectors = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (len(ids), 1))
    index = make(ids, vectors)
    [matches] = index.search(vectors[:1], 5)
    assert [match.image_id for match in matches] == [10, 11, 12, 13, 14]
    [matches] = index.search(vectors[:1], 3, Selection.all_but([10, 12]))
    assert [match.image_id for match in matches] == [11, 13, 14]


@every_index
def test_many_queries_are_answered_as_each_one_alone(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    vectors = np.repeat(stored(unit_vectors(rng, 100, 48)), 3, axis=0)
    index = make(np.arange(300, dtype=np.int64), vectors)
    queries = unit_vectors(rng, 64, 48)
    alone = [index.search(query[np.newaxis], 20)[0] for query in queries]
    assert index.search(queries, 20) == alone
    monkeypatch.setattr(exact, "SCORES_BLOCK", 1000)
    monkeypatch.setattr(row_ids, "RANKING_BLOCK", 3)
    assert index.search(queries, 20) == alone


@every_index
def test_threads_searching_at_once_with_their_own_selections_get_the_answers_they_get_alone(make: Maker) -> None:
    rng = np.random.default_rng(2)
    ids = np.arange(500, dtype=np.int64)
    index = make(ids, stored(unit_vectors(rng, 500, 32)))
    queries = unit_vectors(rng, 3, 32)
    selections = [Selection.only(rng.choice(ids, 1 + 7 * turn, replace=False)) for turn in range(40)]
    selections += [Selection.all_but(rng.choice(ids, 11 * turn, replace=False)) for turn in range(40)]

    def ask(selection: Selection) -> list[list[Match]]:
        return index.search(queries, 10, selection)

    alone = [ask(selection) for selection in selections]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, selections)) == alone


@every_index
def test_fewer_than_k_come_back_when_fewer_may_be_answered(make: Maker) -> None:
    index = make(np.array([3, 5], dtype=np.int64), np.eye(2, dtype=np.float32))
    query = np.array([[1, 0]], dtype=np.float32)
    assert index.search(query, 9) == [[Match(3, 1.0), Match(5, 0.0)]]
    assert index.search(query, 9, Selection.only([5, 77])) == [[Match(5, 0.0)]]
    assert index.search(query, 9, Selection.only([])) == [[]]
    assert index.search(query, 9, Selection.all_but([3, 5])) == [[]]


@every_index
def test_an_empty_index_answers_nothing(make: Maker) -> None:
    index = make(np.empty(0, dtype=np.int64), np.empty((0, 4), dtype=np.float32))
    assert (len(index), index.dim) == (0, 4)
    assert index.search(np.eye(4, dtype=np.float32), 3) == [[], [], [], []]
    assert index.search(np.eye(4, dtype=np.float32), 3, Selection.only([1])) == [[], [], [], []]
    assert index.vector_of([]).shape == (0, 4)


@every_index
def test_questions_that_cannot_be_asked_are_refused(make: Maker) -> None:
    index = make(np.array([1], dtype=np.int64), np.ones((1, 1), dtype=np.float32))
    with pytest.raises(DimensionMismatch) as mismatch:
        index.search(np.ones((1, 3), dtype=np.float32), 1)
    assert (mismatch.value.expected, mismatch.value.found) == (1, 3)
    with pytest.raises(QueryError, match="at least 1"):
        index.search(np.ones((1, 1), dtype=np.float32), 0)
    with pytest.raises(QueryError, match="not finite"):
        index.search(np.array([[np.nan]], dtype=np.float32), 1)
    with pytest.raises(QueryError, match="shape"):
        index.search(np.ones(1, dtype=np.float32), 1)


@every_index
def test_stored_vectors_come_back_as_stored_in_the_order_asked(make: Maker) -> None:
    ids = np.array([40, 10, 30, 20], dtype=np.int64)
    vectors = stored(unit_vectors(np.random.default_rng(4), 4, 8))
    index = make(ids, vectors)
    assert np.array_equal(index.vector_of([20, 40, 20]), vectors[[3, 0, 3]])
    with pytest.raises(KeyError, match="image 50 "):
        index.vector_of([10, 50])


@every_index
def test_what_no_index_can_hold_is_refused(make: Maker) -> None:
    with pytest.raises(ValueError, match="image 7 comes twice"):
        make(np.array([7, 8, 7], dtype=np.int64), np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="not finite"):
        make(np.array([1], dtype=np.int64), np.array([[np.inf]], dtype=np.float32))


def test_ids_and_vectors_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        ExactIndex(np.array([1, 2], dtype=np.int64), np.eye(3, dtype=np.float32))


def test_the_file_of_a_generation_is_mapped_not_read() -> None:
    index = over_a_file(np.arange(100, dtype=np.int64), np.eye(100, dtype=np.float32))
    assert isinstance(index, ExactIndex)
    assert not index._vectors.flags.owndata
    assert not index._vectors.flags.writeable


def test_faiss_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, photoseek.library.vectors.generations; sys.exit('faiss' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
