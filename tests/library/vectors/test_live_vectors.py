"""Live vectors: whatever happened, in whatever order, a search answers what SQL holds at that moment."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from photoseek.library.catalog.catalog import ModelRow
from photoseek.library.catalog.changes import Vanished
from photoseek.library.embedders.base import normalized
from photoseek.library.settings import Settings
from photoseek.library.store import Store
from photoseek.library.types import Vectors
from photoseek.library.vectors import live_vectors
from photoseek.library.vectors.generations import should_build
from photoseek.library.vectors.index import Selection
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.tests.support.changes import BLUE, GREEN, RED, add, indexed, relocated
from photoseek.tests.support.fakes import ColourEmbedder

SPEC = ColourEmbedder().spec
OTHER = ColourEmbedder("other@1").spec
QUERIES: Vectors = normalized(np.array([RED, GREEN, (1.0, 1.0, -1.0), (-0.2, 0.5, 0.9)], dtype=np.float32))


def answers(vectors: LiveVectors, query: Vectors = QUERIES, k: int = 100) -> list[list[tuple[int, float]]]:
    return [[(match.image_id, match.score) for match in matches] for matches in vectors.search(query, k)]


def ids_found(vectors: LiveVectors) -> list[int]:
    return sorted(match.image_id for match in vectors.search(QUERIES[:1], 100)[0])


def index_files(store: Store) -> list[Path]:
    return sorted((store.settings.folder / "vectors").rglob("gen-*.vectors"))


@pytest.fixture(autouse=True)
def _build_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation is due from the fourth new vector on, when the new ones are a fifth of all."""
    monkeypatch.setattr(live_vectors, "should_build", partial(should_build, floor=3, share=0.2))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open_or_create(Settings(tmp_path / "photos.library"))
    yield opened
    opened.close()


@pytest.fixture
def model(store: Store) -> ModelRow:
    return store.catalog.ensure_model(SPEC)


@pytest.fixture
def six(store: Store, model: ModelRow) -> list[int]:
    """Six pictures in a published generation: two red, two green, two blue."""
    colours = [RED, RED, GREEN, GREEN, BLUE, BLUE]
    store.catalog.apply([indexed(f"/photos/{place}.png", colour) for place, colour in enumerate(colours)], model.id)
    assert store.vectors_of(model).publish_if_due()
    return [known.image_id for known in store.catalog.planning.known_files("/photos", model.id)]


# Each way vectors can change, one by one


def test_a_small_library_is_searched_without_any_file(store: Store, model: ModelRow) -> None:
    vectors = store.vectors_of(model)
    assert answers(vectors) == [[], [], [], []]
    first, second = add(store.catalog, model, "/photos/a.png", "/photos/b.png")
    assert not vectors.publish_if_due()
    assert answers(vectors, QUERIES[:1]) == [[(first, 1.0), (second, 1.0)]]
    assert index_files(store) == []


def test_a_generation_answers_like_the_rows_it_was_built_from(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    assert [file.name for file in index_files(store)] == ["gen-1.vectors"]
    assert [image_id for image_id, _ in answers(vectors)[1][:2]] == six[2:4]
    assert store.catalog.generation_number(model.id) == 1
    assert not vectors.publish_if_due()


def test_a_picture_newer_than_the_generation_is_found_beside_it(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    assert len(ids_found(vectors)) == 6
    *_, new = add(store.catalog, model, "/photos/0.5.png")
    assert [image_id for image_id, _ in answers(vectors, QUERIES[:1], k=3)[0]] == [*six[:2], new]


def test_a_changed_picture_is_found_under_its_new_content_alone(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    change = indexed("/photos/0.png", BLUE, known=six[0], content="new", content_changed=True)
    store.catalog.apply([change], model.id)
    for each in (vectors, store.vectors_of(model)):
        assert [image_id for image_id, score in answers(each)[0] if score > 0.9] == [six[1]]
        assert ids_found(each) == six
        assert each.vector_of([six[0], six[1]]).tolist() == [list(BLUE), list(RED)]


def test_a_vanished_picture_is_not_found_until_it_is_back(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    before = answers(vectors)
    store.catalog.apply([Vanished(six[2])], model.id)
    assert ids_found(vectors) == [each for each in six if each != six[2]]
    with pytest.raises(KeyError):
        vectors.vector_of([six[2]])
    store.catalog.apply([relocated(six[2], "/photos/2.png")], model.id)
    assert answers(vectors) == answers(store.vectors_of(model)) == before
    assert vectors.vector_of([six[2]]).tolist() == [list(GREEN)]


def test_a_picture_missing_when_the_generation_was_built_is_found_when_it_is_back(
    store: Store, model: ModelRow, six: list[int]
) -> None:
    store.catalog.apply([Vanished(six[0])], model.id)
    store.catalog.apply([indexed(f"/more/{number}.png", GREEN) for number in range(8)], model.id)
    vectors = store.vectors_of(model)
    assert vectors.publish_if_due()
    assert six[0] not in ids_found(vectors)
    store.catalog.apply([relocated(six[0], "/photos/0.png")], model.id)
    assert answers(vectors)[0][:2] == answers(store.vectors_of(model))[0][:2] == [(six[0], 1.0), (six[1], 1.0)]


def test_a_renamed_picture_needs_no_newer_vector(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    before = answers(vectors)
    store.catalog.apply([relocated(six[3], "/elsewhere/3.png")], model.id)
    assert answers(vectors) == before
    current = vectors._snapshot
    assert current is not None
    assert current.recent.image_ids.tolist() == []


def test_a_content_change_written_for_another_model_drops_the_stale_vector(
    store: Store, model: ModelRow, six: list[int]
) -> None:
    resident = store.vectors_of(model)
    assert six[1] in ids_found(resident)
    other = store.catalog.ensure_model(OTHER)
    change = indexed("/photos/1.png", GREEN, known=six[1], content="another picture", content_changed=True)
    store.catalog.apply([change], other.id)
    for vectors in (resident, store.vectors_of(model)):
        assert six[1] not in ids_found(vectors)
    assert ids_found(store.vectors_of(other)) == [six[1]]


def test_a_selection_holds_for_old_and_new_vectors_alike(store: Store, model: ModelRow, six: list[int]) -> None:
    *_, new = add(store.catalog, model, "/photos/9.png")
    vectors = store.vectors_of(model)
    [only] = vectors.search(QUERIES[:1], 100, Selection.only([six[0], six[5], new]))
    assert [match.image_id for match in only] == [six[0], new, six[5]]
    [but] = vectors.search(QUERIES[:1], 100, Selection.all_but([six[0], new]))
    assert sorted(match.image_id for match in but) == six[1:]


def test_fewer_than_k_are_answered_only_when_there_are_fewer(store: Store, model: ModelRow, six: list[int]) -> None:
    *_, new = add(store.catalog, model, "/photos/9.png")
    store.catalog.apply([Vanished(six[0])], model.id)
    vectors = store.vectors_of(model)
    for k in range(1, 9):
        assert [len(matches) for matches in vectors.search(QUERIES, k)] == [min(k, 6)] * len(QUERIES)
    assert [match.image_id for match in vectors.search(QUERIES[:1], 2)[0]] == [six[1], new]


def test_its_length_is_the_number_of_images_it_can_find(store: Store, model: ModelRow, six: list[int]) -> None:
    vectors = store.vectors_of(model)
    assert len(vectors) == 6
    store.catalog.apply([indexed("/photos/0.png", BLUE, known=six[0]), Vanished(six[1])], model.id)
    assert len(vectors) == len(ids_found(vectors)) == 5
    add(store.catalog, model, "/photos/9.png")
    assert len(vectors) == len(ids_found(vectors)) == 6


# Residents and other processes


def test_a_resident_takes_up_a_generation_that_another_instance_published(
    store: Store, model: ModelRow, six: list[int]
) -> None:
    resident = store.vectors_of(model)
    assert ids_found(resident) == six
    another = Store.open(store.settings)
    another.catalog.apply([indexed(f"/more/{number}.png", GREEN) for number in range(5)], model.id)
    assert another.vectors_of(model).publish_if_due()
    expected = answers(another.vectors_of(model))
    another.close()
    assert answers(resident) == expected
    snapshot = resident._snapshot
    assert snapshot is not None
    assert snapshot.generation_number == 2
    assert snapshot.recent.image_ids.tolist() == []
    assert [file.name for file in index_files(store)] == ["gen-2.vectors"]


_WRITER = """
import sys
from pathlib import Path
from photoseek.library.settings import Settings
from photoseek.library.store import Store
from photoseek.tests.support.changes import add
store = Store.open(Settings(Path(sys.argv[1])))
[model] = store.catalog.models()
print(add(store.catalog, model, "/photos/from-elsewhere.png")[0])
"""


def test_a_resident_sees_what_another_process_committed(store: Store, model: ModelRow, six: list[int]) -> None:
    resident = store.vectors_of(model)
    assert ids_found(resident) == six
    command = [sys.executable, "-c", _WRITER, str(store.settings.folder)]
    new = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert ids_found(resident) == [*six, new]


# Files lost and damaged


@pytest.mark.parametrize("loss", ["index gone", "manifest gone", "folder gone", "truncated", "empty", "other bytes"])
def test_a_lost_or_damaged_file_is_built_again_and_answers_stay_the_same(
    store: Store, model: ModelRow, six: list[int], loss: str, caplog: pytest.LogCaptureFixture
) -> None:
    add(store.catalog, model, "/photos/newer.png")
    before = answers(store.vectors_of(model))
    [file] = index_files(store)
    data = file.read_bytes()
    match loss:
        case "index gone":
            file.unlink()
        case "manifest gone":
            file.with_suffix(".json").unlink()
        case "folder gone":
            shutil.rmtree(store.settings.folder / "vectors")
        case "truncated":
            file.write_bytes(data[: len(data) // 2])
        case "empty":
            file.write_bytes(b"")
        case "other bytes":
            file.write_bytes(bytes(len(data)))
    with caplog.at_level(logging.WARNING):
        assert answers(store.vectors_of(model)) == before
    assert "building it again from SQL" in caplog.text
    caplog.clear()
    assert answers(store.vectors_of(model)) == before
    assert caplog.text == ""


def test_the_last_picture_may_vanish_before_a_lost_file_is_built_again(
    store: Store, model: ModelRow, six: list[int]
) -> None:
    shutil.rmtree(store.settings.folder / "vectors")
    store.catalog.apply([Vanished(image_id) for image_id in six], model.id)
    vectors = store.vectors_of(model)
    assert answers(vectors) == [[], [], [], []]
    store.catalog.apply([relocated(six[4], "/photos/4.png")], model.id)
    assert ids_found(vectors) == ids_found(store.vectors_of(model)) == [six[4]]


def test_a_resident_outlives_the_loss_of_its_files(store: Store, model: ModelRow, six: list[int]) -> None:
    """As after numbers began anew: the resident must take up whatever is published later."""
    resident = store.vectors_of(model)
    assert ids_found(resident) == six
    more = [indexed(f"/more/{number}.png", GREEN) for number in range(5)]
    store.catalog.apply(more, model.id)
    assert store.vectors_of(model).publish_if_due()
    assert len(ids_found(resident)) == 11
    shutil.rmtree(store.settings.folder / "vectors")
    assert len(ids_found(store.vectors_of(model))) == 11  # built again, as number 1
    add(store.catalog, model, "/photos/last.png")
    assert answers(resident) == answers(store.vectors_of(model))


def test_a_generation_of_which_much_is_gone_is_built_again(store: Store, model: ModelRow) -> None:
    add(store.catalog, model, *(f"/photos/{number}.png" for number in range(8)))
    vectors = store.vectors_of(model)
    assert vectors.publish_if_due()
    store.catalog.remove([f"/photos/{number}.png" for number in range(3)])
    assert not vectors.publish_if_due()
    store.catalog.remove(["/photos/3.png"])
    assert vectors.publish_if_due()
    assert len(ids_found(vectors)) == 4
