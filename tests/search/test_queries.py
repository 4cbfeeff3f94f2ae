"""Composed questions: weights, negatives, known pictures, filters, thresholds and orders, against a plain oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import photoseek
from photoseek import KnownImage, Library, Picture, Query, QueryError, Sort, Term, Words, parse_filter, parse_terms
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import Vanished
from photoseek.library.embedders.base import normalized
from photoseek.library.types import Hit
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.search.calibration import Calibration, Curve
from photoseek.search.engine import Engine
from photoseek.search.query_embedder import QueryEmbedder
from photoseek.search.texts import TextVectors
from photoseek.tests.support.changes import facts, indexed
from photoseek.tests.support.fakes import COLOURS, ColourEmbedder, paint
from photoseek.tests.support.oracle import nearest, similarities


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    colours = {**COLOURS, "yellow": (255, 255, 0), "violet": (255, 0, 255), "orange": (255, 90, 0)}
    for name, colour in colours.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    return tmp_path / "photos"


@pytest.fixture
def embedder() -> ColourEmbedder:
    return ColourEmbedder()


@pytest.fixture
def library(photos: Path, tmp_path: Path, embedder: ColourEmbedder) -> Library:
    library = photoseek.open(tmp_path / "library", model=embedder)
    library.index(photos)
    return library


def names(hits: list[Hit]) -> list[str]:
    return [hit.image.path.stem for hit in hits]


def asked(text: str, **changes: object) -> Query:
    return replace(Query(parse_terms(text)), **changes)  # type: ignore[arg-type]


def test_weights_pull_towards_what_counts_more(library: Library) -> None:
    assert names(library.search(asked("red + green"), k=1)) == ["yellow"]
    assert names(library.search(asked("5:red + green"), k=3)) == ["orange", "red", "yellow"]
    assert names(library.search(asked("100:red + 0.01:green"), k=1)) == ["red"]


def test_what_is_avoided_comes_last_and_the_rest_keeps_its_order(library: Library) -> None:
    plain = names(library.search(asked("red + green + blue")))
    without = names(library.search(asked("red + green + blue - violet blue")))
    assert without[-1] == "blue"
    assert set(without) == set(plain)
    without = names(library.search(asked("red - green")))
    assert (without[0], without[-1]) == ("red", "green")
    assert without.index("violet") < without.index("yellow"), "as red as each other, but one is half green"


def test_an_image_of_the_library_is_asked_for_without_reading_it(
    library: Library, photos: Path, embedder: ColourEmbedder
) -> None:
    [violet] = [hit for hit in library.search("red") if hit.image.path.stem == "violet"]
    before = embedder.images_embedded
    (photos / "x").mkdir()
    for subject in (
        KnownImage(violet.image.id),
        Picture(photos / "violet.png"),
        Picture(photos / "x/../violet.png"),
    ):
        assert names(library.search(Query((Term(subject),)), k=1)) == ["violet"]
    assert embedder.images_embedded == before


def test_a_file_changed_since_it_was_indexed_is_read(library: Library, photos: Path, embedder: ColourEmbedder) -> None:
    paint(photos / "violet.png", "green", size=(40, 40))
    before = embedder.images_embedded
    assert names(library.search(like=photos / "violet.png", k=1)) == ["green"]
    assert embedder.images_embedded == before + 1


def test_an_image_that_is_not_there_cannot_be_asked_for(library: Library, photos: Path) -> None:
    with pytest.raises(QueryError, match="no image of the library has the id 999"):
        library.search(asked("id:999"))
    [green] = library.search("green", k=1)
    (photos / "green.png").unlink()
    library.index(photos)
    with pytest.raises(QueryError, match="no image of the library"):
        library.search(Query((Term(KnownImage(green.image.id)),)))


def test_filters_let_through_exactly_what_matches(library: Library) -> None:
    where = parse_filter("path ~ '*/g*.png' or path ~ '*/[blue.png' or path ~ '*/blue.png'")
    assert names(library.search(asked("red", where=where))) == ["blue", "green"]
    assert names(library.search(asked("red", where=where, k=1))) == ["blue"]
    assert library.search(asked("red", where=parse_filter("width > 5000"))) == []


def test_a_threshold_ends_the_list(library: Library) -> None:
    assert names(library.search(asked("red", threshold=0.9))) == ["red", "orange"]
    assert library.search(asked("red", threshold=1.1)) == []
    assert len(library.search(asked("red", threshold=-1))) == 6


def test_an_automatic_threshold_gives_probabilities_and_keeps_matches_alone(library: Library) -> None:
    hits = library.search(asked("red", threshold="auto"))
    assert names(hits)[0] == "red"
    assert all(hit.probability is not None and 0.5 <= hit.probability <= 1 for hit in hits)
    assert "blue" not in names(hits)
    assert "green" not in names(hits)
    assert all(hit.probability is None for hit in library.search("red"))


def test_nothing_matches_what_nothing_shows(library: Library) -> None:
    assert library.search(asked("a quiet word", threshold="auto")) == []


def test_a_query_may_be_given_another_k(library: Library, photos: Path) -> None:
    assert [len(library.search(asked("red", k=2), k=k)) for k in (None, 1, 4)] == [2, 1, 4]
    with pytest.raises(QueryError, match="its own pictures"):
        library.search(asked("red"), like=photos / "red.png")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Query(()), "nothing to look for"),
        (lambda: asked("- red"), "say what to look for as well"),
        (lambda: asked("red", k=0), "at least 1"),
        (lambda: asked("red", threshold=float("nan")), "threshold"),
        (lambda: Term(Words("red"), 0.0), "weight"),
        (lambda: Term(Words("red"), float("inf")), "weight"),
        (lambda: Words(" "), "empty"),
    ],
)
def test_what_cannot_be_asked_says_why(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        make()


def live(catalog: Catalog, model: ModelRow, folder: Path) -> LiveVectors:
    identity = GenerationIdentity(catalog.meta().library_id, model.key, model.dim)
    return LiveVectors(catalog, Generations(folder, identity), model)


def engine_over(catalog: Catalog, vectors: LiveVectors, calibrate: Callable[[], Calibration]) -> Engine:
    embedder = ColourEmbedder()
    return Engine(catalog, vectors, QueryEmbedder(catalog, vectors, embedder, TextVectors(embedder)), calibrate)


@pytest.fixture
def dated(catalog: Catalog, model: ModelRow, tmp_path: Path) -> Engine:
    """Pictures a, b, c and d, ever less red; b and d have dates, b the later one."""
    changes = []
    for name, green, year in (("a", 0.0, None), ("b", 0.1, 2022), ("c", 0.2, None), ("d", 0.3, 2021)):
        one = indexed(f"/photos/{name}.png", [1.0, green, 0.0])
        taken_at = None if year is None else datetime(year, 1, 1)
        changes.append(replace(one, facts=replace(facts(name), taken_at=taken_at)))
    catalog.apply(changes, model.id)
    return engine_over(catalog, live(catalog, model, tmp_path), pytest.fail)


def test_the_best_k_come_in_the_order_of_their_dates(dated: Engine) -> None:
    def order(sort: Sort, k: int) -> str:
        return "".join(names(dated.search(asked("red", sort=sort, k=k))))

    assert [order(sort, 4) for sort in (Sort.SCORE, Sort.NEWEST, Sort.OLDEST)] == ["abcd", "bdac", "dbac"]
    assert order(Sort.OLDEST, 3) == "bac"


UNITS = st.lists(st.integers(-4, 4), min_size=3, max_size=3).filter(any)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(UNITS, st.integers(0, 3)), min_size=1, max_size=25),
    gone=st.sets(st.integers(0, 24), max_size=6),
    weights=st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=1, max_size=3),
    least=st.integers(0, 4),
    k=st.integers(1, 30),
    threshold=st.none() | st.floats(-1, 1),
)
def test_the_engine_agrees_with_the_oracle(  # noqa: PLR0917 - what hypothesis draws
    catalog: Catalog,
    model: ModelRow,
    tmp_path: Path,
    rows: list[tuple[list[int], int]],
    gone: set[int],
    weights: list[float],
    least: int,
    k: int,
    threshold: float | None,
) -> None:
    """Random rows, deletions, weighted words and filters: exactly k, exactly ordered."""
    start = catalog.meta().change_seq
    vectors = normalized(np.array([row for row, _ in rows], dtype=np.float32))
    batch = [
        replace(
            indexed(f"/{start}/{number}.png", vector.tolist()),
            facts=replace(facts(f"{start}-{number}"), height=start, width=width),
        )
        for number, (vector, (_, width)) in enumerate(zip(vectors, rows, strict=True))
    ]
    catalog.apply(batch, model.id)
    known = {one.path: one.image_id for one in catalog.planning.known_files(f"/{start}", model.id)}
    ids = np.array([known[f"/{start}/{number}.png"] for number in range(len(rows))])
    catalog.apply([Vanished(int(ids[number])) for number in gone if number < len(rows)], model.id)
    engine = engine_over(catalog, live(catalog, model, tmp_path), pytest.fail)
    words = [Term(Words(colour), weight) for colour, weight in zip(COLOURS, weights, strict=False)]
    hits = engine.search(Query(tuple(words), parse_filter(f"height = {start} and width >= {least}"), k, threshold))

    question = np.zeros(3, dtype=np.float32)
    question[: len(weights)] = np.array(weights, dtype=np.float32) / np.float32(max(weights))
    there = np.array([n for n, (_, width) in enumerate(rows) if n not in gone and width >= least], dtype=np.int64)
    stored = vectors.astype(np.float16).astype(np.float32)
    scores = similarities(normalized(question[np.newaxis])[0], ids[there], stored[there])
    expected = [(one, score) for one, score in nearest(scores, k) if threshold is None or score >= threshold]
    assert [hit.image.id for hit in hits] == [one for one, _ in expected]
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in expected], atol=1e-6)


def test_ranking_without_something_is_as_if_every_picture_had_been_ranked(
    catalog: Catalog, model: ModelRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first candidates are all avoided: the search must go on until nothing farther away can win."""
    rng = np.random.default_rng(5)
    vectors = normalized(np.abs(rng.standard_normal((1500, 3))).astype(np.float32))
    catalog.apply([indexed(f"/p/{n:04}.png", v.tolist()) for n, v in enumerate(vectors)], model.id)
    vectors_live = live(catalog, model, tmp_path)
    neutral = normalized(rng.standard_normal((50, 3)).astype(np.float32))
    ids = catalog.matching_ids(parse_filter("id > 0"))
    stored = vectors_live.vector_of(ids)
    calibration = Calibration(stored, neutral, Curve(midpoint=0.3, slope=4.0))
    engine = engine_over(catalog, vectors_live, lambda: calibration)
    hits = engine.search(asked("red - 5:red green", k=7))

    red, avoided = (normalized(np.array([one], dtype=np.float32))[0] for one in ([1, 0, 0], [1, 1, 0]))
    background = calibration.background(red)
    start = calibration.curve.evidence(0.25)
    lost = 5 * background.deviation * np.maximum(calibration.background(avoided).evidence(stored) - start, 0)
    scores = stored @ red - lost
    best = np.argsort(-scores, kind="stable")[:7]
    assert [hit.image.id for hit in hits] == ids[best].tolist()
    assert (stored[best] @ red).max() < np.sort(stored @ red)[-100], "the first candidates would have done"
