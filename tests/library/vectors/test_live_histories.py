"""Live vectors after any history at all: a search answers what the catalogue holds, as a plain sum over all shows."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from photoseek.library.catalog.changes import Vanished
from photoseek.library.embedders.base import normalized
from photoseek.library.settings import Settings
from photoseek.library.store import Store
from photoseek.library.types import Vectors
from photoseek.library.vectors import live_vectors
from photoseek.library.vectors.generations import should_build
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.tests.support import oracle
from photoseek.tests.support.changes import BLUE, GREEN, RED, indexed, relocated
from photoseek.tests.support.fakes import ColourEmbedder

SPEC = ColourEmbedder().spec
OTHER = ColourEmbedder("other@1").spec
QUERIES: Vectors = normalized(np.array([RED, GREEN, (1.0, 1.0, -1.0), (-0.2, 0.5, 0.9)], dtype=np.float32))


@pytest.fixture(autouse=True)
def _build_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation is due from the fourth new vector on, when the new ones are a fifth of all."""
    monkeypatch.setattr(live_vectors, "should_build", partial(should_build, floor=3, share=0.2))


def rounded(numbers: tuple[float, float, float]) -> Vectors:
    """What float16 keeps of a vector."""
    return np.array(numbers, dtype=np.float16).astype(np.float32)


def answers(vectors: LiveVectors, k: int) -> list[list[tuple[int, float]]]:
    return [[(match.image_id, match.score) for match in matches] for matches in vectors.search(QUERIES, k)]


class Histories(RuleBasedStateMachine):
    """Random changes, builds and losses; after each step, residents and newcomers must agree with the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="photoseek-live-"))
        self.vectors: dict[int, Vectors] = {}
        self.missing: set[int] = set()
        self.number = 0

    @initialize()
    def open(self) -> None:
        self.store = Store.open_or_create(Settings(self.folder))
        self.model = self.store.catalog.ensure_model(SPEC)
        self.other = self.store.catalog.ensure_model(OTHER)
        self.resident = self.store.vectors_of(self.model)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    _numbers = st.tuples(*[st.integers(-3, 3).map(lambda number: number / 4)] * 3)

    def pick(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.vectors)))

    def path(self, image_id: int) -> str:
        return f"/photos/{image_id}.png"

    @rule(batch=st.lists(_numbers, min_size=1, max_size=5))
    def index_new(self, batch: list[tuple[float, float, float]]) -> None:
        names = [f"/new/{self.number + place}.png" for place in range(len(batch))]
        self.number += len(batch)
        changes = [indexed(name, numbers) for name, numbers in zip(names, batch, strict=True)]
        self.store.catalog.apply(changes, self.model.id)
        ids = {known.path: known.image_id for known in self.store.catalog.planning.known_files("/new", self.model.id)}
        for name, numbers in zip(names, batch, strict=True):
            self.vectors[ids[name]] = rounded(numbers)
            self.store.catalog.apply([relocated(ids[name], self.path(ids[name]))], self.model.id)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data(), numbers=_numbers)
    def change(self, data: st.DataObject, numbers: tuple[float, float, float]) -> None:
        image_id = self.pick(data)
        self.number += 1
        change = indexed(
            self.path(image_id), numbers, known=image_id, content=f"content {self.number}", content_changed=True
        )
        self.store.catalog.apply([change], self.model.id)
        self.vectors[image_id] = rounded(numbers)
        self.missing.discard(image_id)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data())
    def see_with_the_other_model(self, data: st.DataObject) -> None:
        """The same content, perhaps come back, which this model need not see again."""
        image_id = self.pick(data)
        self.store.catalog.apply([indexed(self.path(image_id), BLUE, known=image_id)], self.other.id)
        self.missing.discard(image_id)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data())
    def change_under_the_other_model(self, data: st.DataObject) -> None:
        image_id = self.pick(data)
        self.number += 1
        change = indexed(
            self.path(image_id), RED, known=image_id, content=f"content {self.number}", content_changed=True
        )
        self.store.catalog.apply([change], self.other.id)
        del self.vectors[image_id]
        self.missing.discard(image_id)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        image_id = self.pick(data)
        self.store.catalog.apply([Vanished(image_id)], self.model.id)
        self.missing.add(image_id)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data(), at_once=st.booleans())
    def relocate(self, data: st.DataObject, at_once: bool) -> None:
        image_id = self.pick(data)
        vanished = [Vanished(image_id)] if at_once else []
        self.store.catalog.apply([relocated(image_id, self.path(image_id)), *vanished], self.model.id)
        self.missing.discard(image_id)

    @rule()
    def publish(self) -> None:
        another = Store.open(self.store.settings)
        another.vectors_of(self.model).publish_if_due()
        another.close()

    @rule()
    def lose_the_files(self) -> None:
        shutil.rmtree(self.folder / "vectors", ignore_errors=True)

    @rule()
    def restart(self) -> None:
        self.resident = self.store.vectors_of(self.model)

    @rule(k=st.integers(1, 4))
    def search_a_few(self, k: int) -> None:
        self.compare(self.resident, k)

    @rule()
    def look_as_a_newcomer(self) -> None:
        self.compare(self.store.vectors_of(self.model), 100)

    @invariant()
    def the_resident_agrees_with_the_oracle(self) -> None:
        self.compare(self.resident, 100)

    def compare(self, vectors: LiveVectors, k: int) -> None:
        present = {image_id: row for image_id, row in self.vectors.items() if image_id not in self.missing}
        ids = np.array(sorted(present), dtype=np.int64)
        matrix = np.array([present[image_id] for image_id in sorted(present)], dtype=np.float32).reshape(-1, 3)
        for query, found in zip(QUERIES, answers(vectors, k), strict=True):
            expected = oracle.nearest(oracle.similarities(query, ids, matrix), k)
            assert [image_id for image_id, _ in found] == [image_id for image_id, _ in expected]
            np.testing.assert_allclose([score for _, score in found], [score for _, score in expected], atol=1e-6)
        assert self.store.catalog.count_vectors(self.model.id) == len(present)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a failing history is short enough to read, and making it shorter takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
