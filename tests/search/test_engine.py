"""The engine while others remove what it has just found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from photoseek import Hit, Query, Term, Words
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.types import ImageIds, Vectors
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.library.vectors.manifest import GenerationIdentity
from photoseek.search.calibration import Calibration
from photoseek.search.engine import Engine
from photoseek.search.query_embedder import QueryEmbedder
from photoseek.search.texts import TextVectors
from photoseek.tests.support.changes import indexed
from photoseek.tests.support.fakes import ColourEmbedder

COLOURS = {"a": (1.0, 0.0, 0.0), "b": (1.0, 0.2, 0.0), "c": (1.0, 0.5, 0.0), "d": (0.0, 1.0, 0.0)}
AVOIDING = Query((Term(Words("red")), Term(Words("green"), -1.0)), k=4)


class Vanishing(LiveVectors):
    """Vectors of which some are gone between being found and being looked at; `times` says how often."""

    times = 0
    looks = 0

    def vector_of(self, image_ids: ImageIds | Sequence[int]) -> Vectors:
        self.looks += 1
        if self.times:
            self.times -= 1
            raise KeyError(1)
        return super().vector_of(image_ids)


@pytest.fixture
def vectors(catalog: Catalog, model: ModelRow, tmp_path: Path) -> Vanishing:
    catalog.apply([indexed(f"/photos/{name}.png", list(colour)) for name, colour in COLOURS.items()], model.id)
    identity = GenerationIdentity(catalog.meta().library_id, model.key, model.dim)
    return Vanishing(catalog, Generations(tmp_path, identity), model)


@pytest.fixture
def engine(catalog: Catalog, vectors: Vanishing) -> Engine:
    embedder = ColourEmbedder()
    calibration = Calibration.learned(
        LiveVectors.vector_of(vectors, [1, 2, 3, 4]), embedder.embed_texts(["red", "green", "blue"])
    )
    subjects = QueryEmbedder(catalog, vectors, embedder, TextVectors(embedder))
    return Engine(catalog, vectors, subjects, lambda: calibration)


def names(hits: list[Hit]) -> str:
    return "".join(hit.image.path.stem for hit in hits)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_picture_that_vanishes_in_mid_search_has_the_search_ask_again(
    engine: Engine, vectors: Vanishing, times: int
) -> None:
    expected = engine.search(AVOIDING)
    assert names(expected)[:3] == "abc"
    looks, vectors.looks = vectors.looks, 0
    vectors.times = times
    assert engine.search(AVOIDING) == expected
    assert vectors.looks == looks + times


def test_pictures_that_go_on_vanishing_end_the_search(engine: Engine, vectors: Vanishing) -> None:
    vectors.times = 100
    with pytest.raises(KeyError):
        engine.search(AVOIDING)
    assert vectors.looks == 4


@pytest.mark.parametrize("threshold", [None, 0.1])
def test_a_hit_whose_record_is_gone_is_left_out(
    engine: Engine, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, threshold: float | None
) -> None:
    records = catalog.images

    def without_b(image_ids: Sequence[int]) -> object:
        return {image_id: record for image_id, record in records(image_ids).items() if record.path.stem != "b"}

    monkeypatch.setattr(catalog, "images", without_b)
    query = Query((Term(Words("red")),), k=3, threshold=threshold)
    assert names(engine.search(query)) == "ac"
    assert [names(hits) for hits in engine.search_many([query, query])] == ["ac", "ac"]
    calibrated = engine.search(Query((Term(Words("red")),), k=3, calibrated=True))
    assert names(calibrated) == "ac"
    alone = engine.search(Query((Term(Words("red")),), k=1, calibrated=True))[0]
    assert calibrated[0].probability == alone.probability
