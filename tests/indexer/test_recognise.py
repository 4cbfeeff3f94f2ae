"""A file whose content is known is told by its hash, and only files of a known size are hashed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import photoseek
from photoseek.indexer import recognise
from photoseek.indexer.load import worker_threads
from photoseek.indexer.plan import ToRead
from photoseek.indexer.recognise import Recognised, Recogniser
from photoseek.library.catalog.changes import Indexed, KnownFile, Relocated
from photoseek.library.images.sources import FileState
from photoseek.library.settings import Settings
from photoseek.library.store import Store
from photoseek.tests.support.fakes import ColourEmbedder, paint


@dataclass(frozen=True)
class World:
    """A library of red.png and blue.png, of different sizes in bytes, in the folder `photos`."""

    photos: Path
    store: Store

    def recogniser(self, returned: frozenset[int] = frozenset()) -> Recogniser:
        return Recogniser(self.store.catalog, self.store.catalog.models()[0].id, returned)

    def recognise(self, *paths: Path, using: Recogniser | None = None) -> list[ToRead | Recognised]:
        with worker_threads(2) as pool:
            return list((using or self.recogniser()).recognise(map(self.task, paths), pool))

    def row(self, name: str) -> KnownFile:
        model_id = self.store.catalog.models()[0].id
        return next(
            row
            for row in self.store.catalog.planning.known_files(str(self.photos), model_id)
            if row.path.endswith(name)
        )

    def task(self, path: Path) -> ToRead:
        status = path.stat()
        file = FileState(str(path), str(self.photos), status.st_size, status.st_mtime_ns)
        model_id = self.store.catalog.models()[0].id
        known = [
            row for row in self.store.catalog.planning.known_files(str(self.photos), model_id) if row.path == file.path
        ]
        return ToRead(file, known[0] if known else None)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    photos = tmp_path / "photos"
    paint(photos / "red.png", "red", (12, 10))
    paint(photos / "blue.png", "blue", (70, 60))
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        library.index([photos])
    store = Store.open(Settings(tmp_path / "library"))
    yield World(photos, store)
    store.close()


def test_a_new_picture_is_left_to_the_model(world: World) -> None:
    green = paint(world.photos / "green.png", "green", (12, 10))
    assert world.recognise(green) == [world.task(green)]


def test_only_files_of_a_known_size_are_hashed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(recognise, "hash_file", hashed.append)
    large = paint(world.photos / "large.png", "green", (300, 300))
    copy = Path(shutil.copy(world.photos / "red.png", world.photos / "copy.png"))
    assert world.recognise(large, copy) == [world.task(large), world.task(copy)]
    assert hashed == [str(copy)]


def test_a_file_that_cannot_be_hashed_is_left_to_loading_which_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy(world.photos / "red.png", world.photos / "copy.png"))
    task = world.task(copy)
    copy.unlink()
    with worker_threads(1) as pool:
        assert list(world.recogniser().recognise([task], pool)) == [task]


def test_a_touched_file_keeps_its_row(world: World) -> None:
    task = world.task(world.photos / "red.png")
    assert world.recognise(world.photos / "red.png") == [
        Recognised(Relocated(world.row("red.png").image_id, task.file), "touched")
    ]


def test_a_moved_file_takes_its_row_along_and_a_second_copy_is_new(world: World) -> None:
    moved = world.photos / "moved.png"
    second = world.photos / "second.png"
    shutil.copy(world.photos / "red.png", second)
    (world.photos / "red.png").rename(moved)
    first, copy = world.recognise(moved, second)
    assert first == Recognised(Relocated(world.row("red.png").image_id, world.task(moved).file), "moved")
    assert isinstance(copy, Recognised)
    assert (copy.outcome, type(copy.change)) == ("new", Indexed)


def test_a_copy_beside_its_original_is_a_new_image_with_the_same_vector(world: World) -> None:
    copy = Path(shutil.copy(world.photos / "red.png", world.photos / "copy.png"))
    [recognised] = world.recognise(copy)
    assert isinstance(recognised, Recognised)
    assert isinstance(recognised.change, Indexed)
    assert recognised.outcome == "new"
    assert recognised.change.image_id is None
    assert recognised.change.vector.tolist() == [1, 0, 0]
    assert recognised.change.facts.width == 12


def test_a_row_whose_own_file_is_back_is_given_to_no_copy(world: World) -> None:
    red = world.row("red.png")
    copy = Path(shutil.copy(world.photos / "red.png", world.photos / "copy.png"))
    (world.photos / "red.png").rename(world.photos / "moved.png")
    using = world.recogniser(returned=frozenset({red.image_id}))
    outcomes = [
        item.outcome
        for item in world.recognise(copy, world.photos / "moved.png", using=using)
        if isinstance(item, Recognised)
    ]
    assert outcomes == ["new", "new"]
    assert using.claimed == set()


def test_a_file_overwritten_with_known_content_changes_without_the_model(world: World) -> None:
    shutil.copy(world.photos / "red.png", world.photos / "blue.png")
    [recognised] = world.recognise(world.photos / "blue.png")
    assert isinstance(recognised, Recognised)
    assert isinstance(recognised.change, Indexed)
    assert recognised.outcome == "changed"
    assert recognised.change.content_changed
    assert recognised.change.image_id == world.row("blue.png").image_id
    assert recognised.change.vector.tolist() == [1, 0, 0]


def test_many_copies_of_one_content_are_each_looked_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with photoseek.open(world.store.settings.folder, model=ColourEmbedder()) as library:
        for number in range(50):
            shutil.copy(world.photos / "red.png", world.photos / f"old-{number}.png")
        library.index([world.photos])
    asked: list[str] = []

    def exists(path: str) -> bool:
        asked.append(path)
        return Path(path).exists()

    monkeypatch.setattr(recognise, "exists", exists)
    (world.photos / "old-49.png").unlink()
    new = [Path(shutil.copy(world.photos / "red.png", world.photos / f"new-{number}.png")) for number in range(50)]
    outcomes = [item.outcome for item in world.recognise(*new) if isinstance(item, Recognised)]
    assert outcomes == ["moved", *["new"] * 49]
    assert len(asked) == len(set(asked)) == 51


def test_more_contents_than_are_remembered_still_give_each_row_away_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognise, "_REMEMBERED", 1)
    for colour in ("red", "blue"):
        for number in range(2):
            shutil.copy(world.photos / f"{colour}.png", world.photos / f"{number}-{colour}.png")
        (world.photos / f"{colour}.png").unlink()
    names = ("0-red.png", "0-blue.png", "1-red.png", "1-blue.png")
    found = world.recognise(*[world.photos / name for name in names])
    assert [item.outcome for item in found if isinstance(item, Recognised)] == ["moved", "moved", "new", "new"]


def test_more_files_than_a_chunk_come_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "_CHUNK", 2)
    copies = [Path(shutil.copy(world.photos / "red.png", world.photos / f"{number}.png")) for number in range(5)]
    paths = [item.change.file.path for item in world.recognise(*copies) if isinstance(item, Recognised)]
    assert paths == [str(copy) for copy in copies]
