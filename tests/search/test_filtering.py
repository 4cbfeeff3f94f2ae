"""Search under filters: answered as by comparing everything, with no more read from SQL than that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photoseek import parse_filter
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.conditions import Compared, Condition, HasText, Not, Order, Some, TextContains
from photoseek.library.catalog.database import Database
from photoseek.library.embedders.base import normalized
from photoseek.library.types import ImageIds, Vectors
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.search import filtering
from photoseek.search.filtering import FilteredVectors
from photoseek.tests.support.changes import indexed
from photoseek.tests.support.fakes import ColourEmbedder
from photoseek.tests.support.oracle import nearest, similarities

COUNT = 600


class Watched(Catalog):
    """A catalogue that remembers how many ids each question about a filter brought."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.whole: list[int] = []
        self.some: list[int] = []

    def matching_ids(self, condition: Condition) -> ImageIds:
        ids = super().matching_ids(condition)
        self.whole.append(len(ids))
        return ids

    def matching_among(self, image_ids: Sequence[int], condition: Condition) -> list[int]:
        self.some.append(len(image_ids))
        return super().matching_among(image_ids, condition)


def pictures() -> Vectors:
    vectors = normalized(np.abs(np.random.default_rng(0).standard_normal((COUNT, 3), dtype=np.float32)))
    return vectors.astype(np.float16).astype(np.float32)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Watched]:
    database = Database.in_file(tmp_path / "catalog.sqlite")
    database.create()
    catalog = Watched(database)
    model = catalog.ensure_model(ColourEmbedder().spec)
    rows = [indexed(f"/photos/{n:04}.png", v.tolist(), size_bytes=n) for n, v in enumerate(pictures(), start=1)]
    catalog.apply(rows, model.id)
    yield catalog
    catalog.close()


def filtered(catalog: Catalog, folder: Path) -> FilteredVectors:
    model: ModelRow = catalog.models()[0]
    generations = Generations(folder / "vectors", GenerationIdentity("library", model.key, 3))
    return FilteredVectors(catalog, LiveVectors(catalog, generations, model))


RED = np.array([1.0, 0.0, 0.0], dtype=np.float32)


def test_a_broad_filter_is_settled_by_the_rows_of_the_nearest_images(catalog: Watched, tmp_path: Path) -> None:
    images = filtered(catalog, tmp_path)
    where = parse_filter("size_bytes > 300")
    for _ in range(3):
        assert len(images.nearest(RED, 10, where)) == 10
    assert catalog.some == [80, 80, 80]
    assert catalog.whole == []


def test_a_narrow_filter_is_read_once_until_the_library_changes(catalog: Watched, tmp_path: Path) -> None:
    images = filtered(catalog, tmp_path)
    where = parse_filter("size_bytes < 13")
    first = images.nearest(RED, 10, where)
    assert images.nearest(RED, 10, parse_filter("size_bytes < 13")) == first
    assert catalog.whole == [12]
    catalog.apply([indexed("/photos/new.png", (1.0, 0.0, 0.0), size_bytes=5)], catalog.models()[0].id)
    assert images.nearest(RED, 10, where)[0].score == pytest.approx(1.0)
    assert catalog.whole == [12, 13]


def test_words_in_texts_are_read_once_and_never_image_by_image(catalog: Watched, tmp_path: Path) -> None:
    images = filtered(catalog, tmp_path)
    large_without_caption = Not(Some((Compared("size_bytes", Order.LESS, 3), HasText("caption"))))
    for where in (TextContains(("anna",)), large_without_caption):
        images.nearest(RED, 3, where)
        images.nearest(RED, 3, where)
    assert catalog.some == []
    assert catalog.whole == [0, COUNT - 2]


def test_a_filter_that_lets_everything_through_reads_no_more_than_is_wanted(catalog: Watched, tmp_path: Path) -> None:
    images = filtered(catalog, tmp_path)
    assert len(images.nearest(RED, 5_000, parse_filter("size_bytes > 0"))) == COUNT
    assert len(images.nearest(RED, 200, parse_filter("size_bytes > 0"))) == 200
    assert (catalog.whole, catalog.some) == ([COUNT], [])


def test_what_is_kept_of_filters_is_bounded_and_the_last_used_stay(
    catalog: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "KEPT_BYTES", 8 * 30)
    images = filtered(catalog, tmp_path)
    for most in (10, 12, 10, 14, 10, 12):
        images.nearest(RED, 9, parse_filter(f"size_bytes <= {most}"))
    assert catalog.whole == [10, 12, 14, 12]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    least=st.integers(0, COUNT + 5),
    width=st.integers(0, COUNT),
    k=st.sampled_from([1, 7, 60, 400]),
    query=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda numbers: any(abs(number) > 0.1 for number in numbers)),
)
def test_answers_are_those_of_comparing_everything(
    catalog: Watched, tmp_path: Path, least: int, width: int, k: int, query: tuple[float, ...]
) -> None:
    where = parse_filter(f"size_bytes >= {least} and size_bytes < {least + width}")
    vector = normalized(np.array([query], dtype=np.float32))[0]
    ids = np.arange(1, COUNT + 1)
    scores = similarities(vector, ids, pictures())
    wanted = nearest({one: score for one, score in scores.items() if least <= one < least + width}, k)
    images = filtered(catalog, tmp_path)
    for _ in range(2):
        matches = images.nearest(vector, k, where)
        assert [match.image_id for match in matches] == [one for one, _ in wanted]
        assert [match.score for match in matches] == pytest.approx([score for _, score in wanted], abs=1e-12)
