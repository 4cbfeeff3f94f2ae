"""Large generations, forced small: inverted lists against the plain oracle, tuned, filtered, damaged, swapped."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photoseek.library.embedders.base import normalized
from photoseek.library.types import ImageIds, Match, Vectors
from photoseek.library.vectors import faiss_index
from photoseek.library.vectors.accelerator import OnAccelerator, on_accelerator
from photoseek.library.vectors.faiss_index import FaissIndex
from photoseek.library.vectors.generations import Generation, Generations
from photoseek.library.vectors.index import Selection
from photoseek.library.vectors.index_type import IndexRecipe, IvfParams, choose_recipe
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.tests.support import oracle

DIM = 16
COUNT = 3_000
SCALAR, PRODUCT, BITS = IndexRecipe("IVF16,SQ8"), IndexRecipe("IVF16,PQ8x6"), IndexRecipe("RR16,IVF16,RaBitQfs")


def crowded(count: int, seed: int = 0) -> tuple[ImageIds, Vectors]:
    """Vectors around forty places, as the catalogue rounds them, under ids in no order."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(99).standard_normal((40, DIM), dtype=np.float32)
    vectors = normalized(places[rng.integers(40, size=count)] + 0.5 * rng.standard_normal((count, DIM), np.float32))
    return rng.permutation(count).astype(np.int64) + 1, vectors.astype(np.float16).astype(np.float32)


def publish(folder: Path, recipe: IndexRecipe, count: int = COUNT, change_seq: int = 1) -> Generation:
    ids, vectors = crowded(count)
    chunks = [(ids[start : start + 500], vectors[start : start + 500]) for start in range(0, count, 500)]
    return generations_in(folder, recipe).publish(chunks, change_seq, count)


def generations_in(folder: Path, recipe: IndexRecipe = SCALAR) -> Generations:
    return Generations(folder, GenerationIdentity("library", "model", DIM), lambda _count, _dim: recipe)


@pytest.fixture(scope="module", params=[SCALAR, PRODUCT, BITS], ids=["SQ", "PQ", "bits"])
def generation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return publish(tmp_path_factory.mktemp("vectors"), request.param)


def index_of(generation: Generation) -> FaissIndex:
    index = generation.load()
    assert isinstance(index, FaissIndex)
    return index


def exact(query: Vectors, k: int, allowed: set[int] | None = None, count: int = COUNT) -> list[tuple[int, float]]:
    scores = oracle.similarities(query, *crowded(count))
    return oracle.nearest({one: score for one, score in scores.items() if allowed is None or one in allowed}, k)


def recall(generation: Generation, k: int, allowed: ImageIds | None = None) -> float:
    selection = Selection.all() if allowed is None else Selection.only(allowed)
    queries = crowded(60, seed=1)[1]
    found = 0
    for query, matches in zip(queries, generation.load().search(queries, k, selection), strict=True):
        wanted = exact(query, k, None if allowed is None else {int(one) for one in allowed})
        found += sum(match.score >= wanted[-1][1] - 1e-9 for match in matches)
    return found / (len(queries) * k)


def test_the_tuned_index_finds_what_exact_search_finds(generation: Generation) -> None:
    assert generation.manifest.tuning is not None
    assert generation.manifest.tuning.recall >= 0.97
    assert generation.manifest.tuning.nprobe < 16
    assert recall(generation, 20) >= 0.95


@pytest.mark.parametrize("share", [0.8, 0.5, 0.1, 0.01])
def test_filtered_searches_find_what_exact_filtered_search_finds(
    generation: Generation, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "FEW_ROWS", 100)
    allowed = np.random.default_rng(2).choice(crowded(COUNT)[0], round(share * COUNT), replace=False)
    assert recall(generation, 10, allowed) >= 0.99


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data(), k=st.integers(1, 400), few_rows=st.sampled_from([0, 50, 2_000]))
def test_k_come_back_whenever_k_may_be_answered_in_exact_order(
    generation: Generation, data: st.DataObject, k: int, few_rows: int
) -> None:
    ids, vectors = crowded(COUNT)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    allowed = rng.choice(ids, data.draw(st.integers(0, 600)), replace=False)
    deleted = rng.choice(ids, data.draw(st.integers(0, 600)), replace=False)
    filtered = data.draw(st.booleans())
    selection = (Selection.only(allowed) if filtered else Selection.all()).without(deleted)
    may = (set(allowed.tolist()) if filtered else set(ids.tolist())) - set(deleted.tolist())
    query = normalized(rng.standard_normal((1, DIM), dtype=np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss_index, "FEW_ROWS", few_rows)
        [matches] = generation.load().search(query, k, selection)
    found = [match.image_id for match in matches]
    assert len(found) == len(set(found)) == min(k, len(may))
    assert set(found) <= may
    scores = oracle.similarities(query[0], ids, vectors)
    assert [match.score for match in matches] == pytest.approx([scores[one] for one in found], abs=1e-12)
    assert found == sorted(found, key=lambda one: (-scores[one], one))


def test_copies_of_a_picture_are_answered_by_ascending_id(tmp_path: Path) -> None:
    ids, vectors = crowded(COUNT)
    vectors[::10] = vectors[0]
    index = generations_in(tmp_path).publish([(ids, vectors)], 1, COUNT).load()
    [matches] = index.search(vectors[:1], 30)
    assert [match.image_id for match in matches] == sorted(ids[::10].tolist())[:30]


def test_everything_can_be_asked_for(generation: Generation) -> None:
    query = crowded(1, seed=3)[1]
    [matches] = generation.load().search(query, COUNT + 5)
    assert [match.image_id for match in matches] == [one for one, _ in exact(query[0], COUNT)]


def test_many_queries_are_answered_as_each_one_alone(generation: Generation, monkeypatch: pytest.MonkeyPatch) -> None:
    index = generation.load()
    queries = crowded(40, seed=4)[1]
    alone = [index.search(query[np.newaxis], 7)[0] for query in queries]
    assert index.search(queries, 7) == alone
    monkeypatch.setattr(faiss_index, "ANSWERS_BLOCK", 100)
    assert index.search(queries, 7) == alone


def test_threads_searching_at_once_with_their_own_filters_get_the_answers_they_get_alone(
    generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "FEW_ROWS", 50)
    index, ids = generation.load(), crowded(COUNT)[0]
    queries = crowded(3, seed=5)[1]
    selections = [Selection.only(ids[turn::7]) for turn in range(7)] + [Selection.all_but(ids[:900]), Selection.all()]

    def ask(selection: Selection) -> list[list[Match]]:
        return index.search(queries, 10, selection)

    alone = [ask(selection) for selection in selections]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, selections * 10)) == alone * 10


def test_stored_vectors_come_back_as_stored(generation: Generation) -> None:
    ids, vectors = crowded(COUNT)
    assert np.array_equal(generation.load().vector_of(ids[[5, 2, 5]]), vectors[[5, 2, 5]])


def test_a_generation_opened_again_answers_the_same_with_the_tuning_of_its_manifest(tmp_path: Path) -> None:
    published = publish(tmp_path, SCALAR)
    opened = generations_in(tmp_path).newest()
    assert opened is not None
    assert opened.manifest == published.manifest
    assert index_of(opened).tuning == published.manifest.tuning
    queries = crowded(20, seed=6)[1]
    assert opened.load().search(queries, 9) == published.load().search(queries, 9)


def test_two_builds_of_the_same_vectors_are_tuned_alike(tmp_path: Path) -> None:
    tunings = [publish(tmp_path / name, SCALAR).manifest.tuning for name in ("first", "second")]
    assert tunings[0] == tunings[1]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bit flipped": flip_a_bit,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-8]),
    "lost": lambda path: path.unlink(),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("suffix", ["vectors", "faiss"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_to_either_file_is_told_and_the_generation_not_used(
    tmp_path: Path, suffix: str, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, SCALAR)
    generations = generations_in(tmp_path)
    assert generations.damage() == {}
    damage(generations.folder / f"gen-1.{suffix}")
    with caplog.at_level(logging.WARNING):
        assert generations.newest() is None
    assert "gen-1.vectors is not used" in caplog.text
    assert list(generations.damage()) == [1]


def test_a_flipped_bit_in_a_file_too_large_to_sum_each_time_is_found_by_reading_it_whole(tmp_path: Path) -> None:
    publish(tmp_path, SCALAR)
    generations = generations_in(tmp_path)
    flip_a_bit(generations.folder / "gen-1.vectors")
    assert generations.newest(sum_limit_bytes=0) is not None
    assert list(generations.damage()) == [1]


@pytest.mark.parametrize("tuning", [{"nprobe": 0}, {"nprobe": "3"}, {"candidates": -1}, {"recall": None}])
def test_a_garbled_tuning_is_not_searched_with(tmp_path: Path, tuning: dict[str, object]) -> None:
    publish(tmp_path, SCALAR)
    generations = generations_in(tmp_path)
    manifest = generations.folder / "gen-1.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts["tuning"] |= tuning
    manifest.write_text(json.dumps(facts), encoding="utf-8")
    assert generations.newest() is None


def test_searches_go_on_while_generations_take_turns(tmp_path: Path) -> None:
    publish(tmp_path, SCALAR)
    queries = crowded(5, seed=7)[1]
    done = threading.Event()
    answers: list[list[list[Match]]] = []

    def search() -> None:
        held = generations_in(tmp_path).newest()
        while not done.is_set() and held is not None:
            answers.append(held.load().search(queries, 5))
            held = generations_in(tmp_path).newest()

    searchers = [threading.Thread(target=search) for _ in range(3)]
    for searcher in searchers:
        searcher.start()
    for change_seq in range(2, 6):
        publish(tmp_path, SCALAR, change_seq=change_seq)
    done.set()
    for searcher in searchers:
        searcher.join()
    assert answers
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    ("count", "dim", "factory"),
    [
        (0, 512, "Flat"),
        (50_000, 512, "Flat"),
        (100_000, 512, "RR512,IVF512,RaBitQfs"),
        (1_000_000, 640, "RR640,IVF2048,RaBitQfs"),
        (10_000_000, 640, "RR640,IVF8192,RaBitQfs"),
        (10_000_000, 7, "IVF8192,SQ8"),
    ],
)
def test_the_type_follows_count_and_dimension(count: int, dim: int, factory: str) -> None:
    assert choose_recipe(count, dim).factory == factory


def test_what_a_vector_takes_in_memory_leaves_room_for_ten_million_in_two_gigabytes(tmp_path: Path) -> None:
    count, dim = 20_000, 640
    vectors = normalized(np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32))
    recipe = IndexRecipe(f"RR{dim},IVF64,RaBitQfs")
    generations = Generations(tmp_path, GenerationIdentity("library", "model", dim), lambda _count, _dim: recipe)
    manifest = generations.publish([(np.arange(count), vectors)], 1, count).manifest
    assert manifest.index is not None
    lists_and_rotation_bytes = 4 * dim * (64 + dim)
    assert (manifest.index.size_bytes - lists_and_rotation_bytes) / count * 10_000_000 < 1.5e9


class CardIndex:
    """Stands for an index on a card; remembers the parameters it was asked with."""

    def __init__(self) -> None:
        self.asked: list[SimpleNamespace] = []

    def search(self, x: Vectors, k: int, *, params: SimpleNamespace) -> tuple[Vectors, ImageIds]:
        self.asked.append(params)
        return np.zeros((len(x), k), np.float32), np.zeros((len(x), k), np.int64)


def faiss_with(cards: int, moved: Callable[[object], object]) -> SimpleNamespace:
    return SimpleNamespace(get_num_gpus=lambda: cards, index_cpu_to_all_gpus=moved, SearchParametersIVF=SimpleNamespace)


def test_an_index_is_moved_to_the_cards_only_where_there_are_some(caplog: pytest.LogCaptureFixture) -> None:
    card = CardIndex()
    on_processor = object()

    def no_room(index: object) -> object:
        raise RuntimeError("out of memory")

    def ask(module: SimpleNamespace) -> OnAccelerator | None:
        return on_accelerator(cast("ModuleType", module), on_processor)

    assert ask(SimpleNamespace()) is None
    assert ask(faiss_with(0, lambda _index: card)) is None
    assert ask(faiss_with(1, no_room)) is None
    assert "out of memory" in caplog.text
    accelerated = ask(faiss_with(2, lambda _index: card))
    assert accelerated is not None
    scores, rows = accelerated.search(np.zeros((2, 4), np.float32), 3, 7)
    assert scores.shape == rows.shape == (2, 3)
    assert [params.nprobe for params in card.asked] == [7]
    assert accelerated.can_answer(2048, 2048)
    assert not accelerated.can_answer(2049, 1)


def test_parameters_that_reach_no_list_still_find_k(generation: Generation) -> None:
    index = index_of(generation).tuned(IvfParams(nprobe=1, careful_nprobe=1, candidates=20, recall=0.5))
    query = crowded(1, seed=8)[1]
    [matches] = index.search(query, 1_000)
    assert len(matches) == 1_000


def test_a_search_under_a_filter_visits_the_careful_number_of_lists(generation: Generation) -> None:
    index = index_of(generation).tuned(IvfParams(nprobe=1, careful_nprobe=16, candidates=COUNT, recall=1.0))
    allowed = np.random.default_rng(4).choice(crowded(COUNT)[0], COUNT // 2, replace=False)
    queries = crowded(20, seed=5)[1]
    for query, matches in zip(queries, index.search(queries, 20, Selection.only(allowed)), strict=True):
        wanted = exact(query, 20, {int(one) for one in allowed})
        assert min(match.score for match in matches) == pytest.approx(wanted[-1][1], abs=1e-6)
