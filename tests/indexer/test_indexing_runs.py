"""Whole runs with several models, stopped in the middle, in batches of any size, and what they tell as they go."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import photoseek
from photoseek import IndexOptions, IndexReport, Progress
from photoseek.library.types import Pixels, Vectors
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.worlds import SHADES, World, stop_after, world

__all__ = ["world"]  # a fixture


def test_a_second_model_embeds_everything_beside_the_first(world: World, tmp_path: Path) -> None:
    second = ColourEmbedder("shades@1")
    with photoseek.open(tmp_path / "library", model=second) as library:
        assert library.index([world.photos]) == IndexReport(unchanged=3, embedded=3)
        assert library.index([world.photos]) == IndexReport(unchanged=3)
        assert library.search("red", k=1)[0].image.path.name == "red.png"
        assert [(model.key, model.vectors) for model in library.info().models] == [("colours@1", 3), ("shades@1", 3)]
    assert world.index() == IndexReport(unchanged=3)
    assert world.answers("red") == ["red.png"]


def test_a_picture_changed_under_one_model_is_embedded_anew_by_the_other(world: World, tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("shades@1")) as other:
        other.index([world.photos])
        world.paint("red.png", "blue", (44, 44))
        assert world.index() == IndexReport(changed=1, unchanged=2, embedded=1)
        assert len(other.search("blue")) == 2
        assert other.index([world.photos]) == IndexReport(unchanged=3, embedded=1)
        assert {hit.image.path.name for hit in other.search("blue", k=2)} == {"blue.png", "red.png"}


def test_another_models_library_is_not_searched(world: World, tmp_path: Path) -> None:
    with (
        photoseek.open(tmp_path / "library", model=ColourEmbedder("shades@1")) as library,
        pytest.raises(photoseek.ModelMismatch) as caught,
    ):
        library.search("red")
    assert (caught.value.wanted_key, caught.value.present_keys) == ("shades@1", ("colours@1",))


class Recording(ColourEmbedder):
    """Keeps every row of pixels that went through it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def embed_images(self, pixels: Pixels) -> Vectors:
        self.seen += [one.tobytes() for one in pixels]
        return super().embed_images(pixels)


@pytest.mark.parametrize("calls", [0, 1, 30, 61, 62, 90, 125, 150])
def test_a_run_stopped_in_the_middle_is_resumed_without_embedding_twice(tmp_path: Path, calls: int) -> None:
    for number, shade in enumerate(SHADES):
        paint(tmp_path / "photos" / f"{number:02d}.png", shade)
    embedder = Recording()
    with photoseek.open(tmp_path / "library", model=embedder) as library:
        first = library.index(tmp_path / "photos", IndexOptions(batch_size=8, workers=2, stop=stop_after(calls)))
        kept = library.info().images
        assert first == IndexReport(new=kept, embedded=kept, interrupted=True)
        assert kept % 8 == 0
        second = library.index(tmp_path / "photos", IndexOptions(batch_size=8, workers=2))
        assert second == IndexReport(new=60 - kept, unchanged=kept, embedded=60 - kept)
        assert len(embedder.seen) == len(set(embedder.seen)) == 60
        assert len(library.search("red", k=100)) == 60


def test_a_run_stopped_while_it_plans_makes_nothing_missing(world: World) -> None:
    (world.photos / "blue.png").unlink()
    assert world.index(options=IndexOptions(stop=stop_after(2))) == IndexReport(unchanged=1, interrupted=True)
    assert world.library.info().missing == 0
    assert world.index() == IndexReport(missing=1, unchanged=2)


def test_a_run_stopped_while_it_only_recognises_ends_at_once(world: World) -> None:
    for number in range(10):
        shutil.copy(world.photos / "red.png", world.photos / f"{number}.png")
    asked_while_planning = 13
    report = world.index(options=IndexOptions(stop=stop_after(asked_while_planning + 4)))
    assert report == IndexReport(new=4, unchanged=3, interrupted=True)
    assert world.index() == IndexReport(new=6, unchanged=7)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (4, 2), (7, 3), (100, 2)])
def test_progress_only_grows_and_ends_at_the_total(world: World, batch_size: int, workers: int) -> None:
    for number, shade in enumerate(SHADES[:21]):
        world.paint(f"{number:02d}.png", shade)
    world.touch(world.photos / "red.png")
    (world.photos / "bad.png").write_bytes(b"")
    told: list[Progress] = []
    world.index(options=IndexOptions(batch_size=batch_size, workers=workers, on_progress=told.append))
    done = [progress.done for progress in told]
    assert done == sorted(set(done))
    assert {progress.total for progress in told} == {23}
    assert done[-1] == 23


def test_a_run_with_nothing_to_read_tells_no_progress(world: World) -> None:
    told: list[Progress] = []
    world.index(options=IndexOptions(on_progress=told.append))
    assert told == []


def test_everything_is_found_whatever_the_batches_and_threads(tmp_path: Path) -> None:
    for number, shade in enumerate(SHADES):
        paint(tmp_path / "photos" / f"{number:02d}.png", shade)
    rankings: list[Sequence[tuple[str, float]]] = []
    for batch_size, workers in ((1, 1), (16, 4), (64, 2)):
        with photoseek.open(tmp_path / f"library-{batch_size}", model=ColourEmbedder()) as library:
            assert library.index(tmp_path / "photos", IndexOptions(batch_size=batch_size, workers=workers)).new == 60
            rankings.append([(hit.image.path.name, hit.score) for hit in library.search("red", k=60)])
    assert rankings[0] == rankings[1] == rankings[2]


class Broken(ColourEmbedder):
    """A model that fails in its third batch."""

    def embed_images(self, pixels: Pixels) -> Vectors:
        if self.images_embedded >= 8:
            raise photoseek.ModelUnavailable("colours", "the device went away", "run again")
        return super().embed_images(pixels)


def test_a_model_that_fails_ends_the_run_and_keeps_what_was_written(tmp_path: Path) -> None:
    for number, shade in enumerate(SHADES[:20]):
        paint(tmp_path / "photos" / f"{number:02d}.png", shade)
    with (
        photoseek.open(tmp_path / "library", model=Broken()) as library,
        pytest.raises(photoseek.ModelUnavailable, match="device went away"),
    ):
        library.index(tmp_path / "photos", IndexOptions(batch_size=4))
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        assert library.index(tmp_path / "photos") == IndexReport(new=12, unchanged=8, embedded=12)


def test_the_model_is_prepared_once_and_only_where_a_picture_needs_it(tmp_path: Path) -> None:
    class Prepared(ColourEmbedder):
        """Notes that it was asked to load; what goes wrong then is left to show when it is used."""

        prepared = 0

        def prepare_images(self) -> None:
            self.prepared += 1
            raise OSError("not yet")

    embedder = Prepared()
    for number, colour in enumerate(("red", "green", "blue")):
        paint(tmp_path / "photos" / f"{colour}.png", colour, (10 + number, 10))
    with photoseek.open(tmp_path / "library", model=embedder) as library:
        assert library.index([tmp_path / "photos"]).new == 3
        assert embedder.prepared == 1
        (tmp_path / "photos" / "red.png").rename(tmp_path / "photos" / "moved.png")
        assert library.index([tmp_path / "photos"]).moved == 1
        assert embedder.prepared == 1
