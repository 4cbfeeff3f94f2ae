"""Whole runs over folders that live: each change is reported as what it is, costs what it must, and is found after."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

import photoseek
from photoseek import Failure, IndexOptions, IndexReport, Library, Progress
from photoseek.library.types import Vectors
from photoseek.tests.fakes import ColourEmbedder, paint


@dataclass
class World:
    """Photographs in `photos`, red, green and blue at first, and a library indexed by the colours' embedder."""

    photos: Path
    embedder: ColourEmbedder
    library: Library
    _dates_ns: count[int] = field(default_factory=lambda: count(10**18, 10**9))

    def paint(self, name: str, colour: str | tuple[int, int, int], size: tuple[int, int] = (12, 10)) -> Path:
        """Write a picture with a date no other has: file systems' clocks may be coarse."""
        return self.touch(paint(self.photos / name, colour, size))

    def touch(self, path: Path) -> Path:
        os.utime(path, ns=(0, next(self._dates_ns)))
        return path

    def index(self, *paths: Path, options: IndexOptions | None = None) -> IndexReport:
        return self.library.index(paths or [self.photos], options)

    def answers(self, text: str) -> list[str]:
        """Names of the images of exactly this colour, in the order of their ids."""
        return [str(hit.image.path.relative_to(self.photos)) for hit in self.library.search(text) if hit.score > 0.999]

    def failed(self) -> list[tuple[str, str, int]]:
        """(name, stage, tries) of the ledger's rows."""
        return [
            (str(Path(failure.path).relative_to(self.photos)), failure.stage, failure.tries)
            for failure in self.library.failures()
        ]


@pytest.fixture
def world(tmp_path: Path) -> World:
    embedder = ColourEmbedder()
    world = World(tmp_path / "photos", embedder, photoseek.open(tmp_path / "library", model=embedder))
    for colour in ("red", "green", "blue"):
        world.paint(f"{colour}.png", colour)
    assert world.index() == IndexReport(new=3, embedded=3)
    return world


def test_unchanged_files_are_only_looked_at(world: World) -> None:
    opened: list[str] = []
    # Audit hooks cannot be removed again, so this one is told by a flag to stop listening.
    listening = True
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if listening and event == "open" else None)
    assert world.index() == IndexReport(unchanged=3)
    listening = False
    assert str(world.photos.parent / "library" / "writer.owner") in opened
    assert [path for path in opened if path.startswith(str(world.photos))] == []


def test_a_new_file_is_found(world: World) -> None:
    world.paint("in/another.png", "red", (20, 20))
    assert world.index() == IndexReport(new=1, unchanged=3, embedded=1)
    assert world.answers("red") == ["red.png", "in/another.png"]


def test_a_changed_file_is_found_by_what_it_shows_now(world: World) -> None:
    world.paint("red.png", "blue", (40, 40))
    assert world.index() == IndexReport(changed=1, unchanged=2, embedded=1)
    assert (world.answers("red"), world.answers("blue")) == ([], ["blue.png", "red.png"])
    assert world.library.search("blue")[1].image.width == 40


def test_a_file_rewritten_with_the_size_and_date_it_had_is_believed_unchanged(world: World) -> None:
    path = world.photos / "red.png"
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(0, before.st_mtime_ns))
    assert world.index() == IndexReport(unchanged=3)


def test_a_touched_file_costs_no_embedding_and_only_once_a_reading(world: World) -> None:
    world.touch(world.photos / "red.png")
    assert world.index() == IndexReport(touched=1, unchanged=2)
    assert world.index() == IndexReport(unchanged=3)
    assert world.answers("red") == ["red.png"]


def test_a_moved_file_keeps_its_id_and_is_found_where_it_is(world: World) -> None:
    [before] = [hit.image for hit in world.library.search("red") if hit.image.path.name == "red.png"]
    (world.photos / "album").mkdir()
    (world.photos / "red.png").rename(world.photos / "album" / "rose.png")
    assert world.index() == IndexReport(moved=1, unchanged=2)
    [after] = [hit.image for hit in world.library.search("red") if hit.image.path.name == "rose.png"]
    assert after == replace(before, path=world.photos / "album" / "rose.png")
    assert world.answers("red") == ["album/rose.png"]
    assert world.index() == IndexReport(unchanged=3)


def test_a_file_moved_to_another_root_is_found_there(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "photos-2024"
    elsewhere.mkdir()
    (world.photos / "red.png").rename(elsewhere / "red.png")
    assert world.index(world.photos, elsewhere) == IndexReport(moved=1, unchanged=2)
    assert world.library.search("red", k=1)[0].image.path == elsewhere / "red.png"


def test_a_file_moved_out_of_sight_and_indexed_alone_is_moved_too(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (world.photos / "red.png").rename(elsewhere / "red.png")
    assert world.index(elsewhere) == IndexReport(moved=1)
    assert world.index() == IndexReport(unchanged=2)


def test_a_copied_file_is_another_image_and_costs_no_embedding(world: World) -> None:
    shutil.copy(world.photos / "red.png", world.photos / "copy.png")
    assert world.index() == IndexReport(new=1, unchanged=3)
    assert world.answers("red") == ["red.png", "copy.png"]


def test_a_file_moved_and_copied_is_one_moved_and_one_new(world: World) -> None:
    shutil.copy(world.photos / "red.png", world.photos / "copy.png")
    (world.photos / "red.png").rename(world.photos / "rose.png")
    assert world.index() == IndexReport(moved=1, new=1, unchanged=2)
    assert sorted(world.answers("red")) == ["copy.png", "rose.png"]


def test_a_deleted_file_is_missing_once_and_no_answer(world: World) -> None:
    (world.photos / "red.png").unlink()
    assert world.index() == IndexReport(missing=1, unchanged=2)
    assert world.index() == IndexReport(unchanged=2)
    assert world.answers("red") == []
    assert len(world.library.search("red")) == 2
    assert (world.library.info().images, world.library.info().missing) == (2, 1)


@pytest.fixture
def without_red(world: World, tmp_path: Path) -> tuple[World, Path]:
    """The world after red.png vanished, and where it is kept."""
    kept = tmp_path / "kept.png"
    (world.photos / "red.png").rename(kept)
    assert world.index() == IndexReport(missing=1, unchanged=2)
    return world, kept


def test_a_restored_file_is_searchable_again_without_embedding(without_red: tuple[World, Path]) -> None:
    world, kept = without_red
    kept.rename(world.photos / "red.png")
    assert world.index() == IndexReport(restored=1, unchanged=2)
    assert world.answers("red") == ["red.png"]


def test_a_file_restored_with_another_date_is_searchable_again_without_embedding(
    without_red: tuple[World, Path],
) -> None:
    world, kept = without_red
    world.touch(kept).rename(world.photos / "red.png")
    assert world.index() == IndexReport(restored=1, unchanged=2)
    assert world.answers("red") == ["red.png"]
    assert world.index() == IndexReport(unchanged=3)


def test_another_picture_under_a_missing_name_is_a_change(without_red: tuple[World, Path]) -> None:
    world, _ = without_red
    world.paint("red.png", "blue", (50, 50))
    assert world.index() == IndexReport(changed=1, unchanged=2, embedded=1)
    assert sorted(world.answers("blue")) == ["blue.png", "red.png"]
    assert world.library.info().missing == 0


def test_a_file_restored_under_another_name_is_moved(without_red: tuple[World, Path]) -> None:
    world, kept = without_red
    kept.rename(world.photos / "rose.png")
    assert world.index() == IndexReport(moved=1, unchanged=2)
    assert world.answers("red") == ["rose.png"]
    assert world.library.info().missing == 0


def test_a_file_restored_beside_its_copy_is_restored_and_the_copy_is_new(without_red: tuple[World, Path]) -> None:
    world, kept = without_red
    shutil.copy(kept, world.photos / "a copy that comes first.png")
    world.touch(kept).rename(world.photos / "red.png")
    assert world.index() == IndexReport(restored=1, new=1, unchanged=2)
    assert sorted(world.answers("red")) == ["a copy that comes first.png", "red.png"]
    assert world.index() == IndexReport(unchanged=4)


def test_a_renamed_folder_of_many_files_moves_without_embedding(world: World) -> None:
    shades = [(number, 255 - number, 7) for number in range(0, 250, 5)]
    for number, shade in enumerate(shades):
        world.paint(f"2023/{number:03d}.png", shade)
    assert world.index() == IndexReport(new=50, unchanged=3, embedded=50)
    before = {hit.image.id: hit.score for hit in world.library.search("red", k=100)}
    (world.photos / "2023").rename(world.photos / "holidays")
    assert world.index() == IndexReport(moved=50, unchanged=3)
    hits = world.library.search("red", k=100)
    assert {hit.image.id: hit.score for hit in hits} == before
    assert sum(hit.image.path.parent.name == "holidays" for hit in hits) == 50
    assert all(hit.image.path.exists() for hit in hits)


def test_two_files_that_swap_their_contents_have_both_changed(world: World) -> None:
    red, blue, third = (world.photos / name for name in ("red.png", "blue.png", "third.png"))
    red.rename(third)
    blue.rename(red)
    third.rename(blue)
    for path in (red, blue):
        world.touch(path)
    assert world.index() == IndexReport(changed=2, unchanged=1)
    assert (world.answers("red"), world.answers("blue")) == (["blue.png"], ["red.png"])


def test_a_file_that_takes_the_name_of_another_changes_it(world: World) -> None:
    (world.photos / "red.png").replace(world.photos / "blue.png")
    world.touch(world.photos / "blue.png")
    assert world.index() == IndexReport(changed=1, missing=1, unchanged=1)
    assert (world.answers("red"), world.answers("blue")) == (["blue.png"], [])


def test_a_file_replaced_by_a_broken_one_keeps_its_row_and_is_recorded(world: World) -> None:
    (world.photos / "red.png").write_bytes(b"not a picture")
    assert world.index() == IndexReport(failed=1, unchanged=2)
    assert world.failed() == [("red.png", "decode", 1)]
    assert world.answers("red") == ["red.png"]
    assert world.index() == IndexReport(still_failing=1, unchanged=2)
    assert world.library.info().missing == 0


def test_the_old_picture_put_back_leaves_the_ledger(world: World, tmp_path: Path) -> None:
    kept = shutil.copy2(world.photos / "red.png", tmp_path / "kept.png")
    (world.photos / "red.png").write_bytes(b"not a picture")
    world.index()
    shutil.copy2(kept, world.photos / "red.png")
    assert world.index() == IndexReport(unchanged=3)
    assert world.failed() == []


def test_a_broken_file_is_indexed_once_it_is_repaired(world: World) -> None:
    world.touch(world.paint("late.png", "red")).write_bytes(b"half")
    assert world.index() == IndexReport(failed=1, unchanged=3)
    world.paint("late.png", "red", (21, 20))
    assert world.index() == IndexReport(new=1, unchanged=3, embedded=1)
    assert world.failed() == []
    assert world.answers("red") == ["red.png", "late.png"]


def test_a_broken_file_that_is_deleted_leaves_the_ledger(world: World) -> None:
    bad = world.photos / "bad.png"
    bad.write_bytes(b"")
    world.index()
    bad.unlink()
    assert world.index() == IndexReport(unchanged=3)
    assert world.failed() == []


def test_each_try_of_a_failed_file_is_counted(world: World) -> None:
    (world.photos / "bad.png").write_bytes(b"not a picture")
    retry = IndexOptions(retry_failed=True)
    for tries in (1, 2, 3):
        assert world.index(options=retry) == IndexReport(failed=1, unchanged=3)
        assert world.failed() == [("bad.png", "decode", tries)]
    assert world.index() == IndexReport(still_failing=1, unchanged=3)
    assert world.failed() == [("bad.png", "decode", 3)]


def test_what_is_no_file_is_recorded_once_and_not_tried_again(world: World) -> None:
    os.mkfifo(world.photos / "pipe.png")
    assert world.index() == IndexReport(failed=1, unchanged=3)
    assert world.index() == IndexReport(still_failing=1, unchanged=3)
    assert world.library.failures() == [
        Failure(str(world.photos / "pipe.png"), "discover", "not a regular file", tries=1)
    ]


def test_a_name_that_is_not_unicode_is_recorded_and_hurts_nothing(world: World) -> None:
    (world.photos / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    assert world.index() == IndexReport(failed=1, unchanged=3)
    assert world.index() == IndexReport(still_failing=1, unchanged=3)
    assert world.failed() == [("caf\\xe9.png", "discover", 1)]


def test_files_below_a_folder_that_cannot_be_listed_stay_in_the_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.paint("locked/rose.png", "red")
    world.index()
    listing = os.scandir

    def refusing(path: str) -> object:
        if path == str(world.photos / "locked"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refusing)
        assert world.index() == IndexReport(failed=1, unchanged=3)
        assert world.failed() == [("locked", "discover", 1)]
        assert world.answers("red") == ["red.png", "locked/rose.png"]
    assert world.index() == IndexReport(unchanged=4)
    assert world.failed() == []


def test_a_root_inside_another_is_walked_once(world: World) -> None:
    inner = world.paint("in/rose.png", "red", (22, 20)).parent
    assert world.index(inner, world.photos, inner / "rose.png") == IndexReport(new=1, unchanged=3, embedded=1)
    assert world.index(inner) == IndexReport(unchanged=1)


def test_an_outer_root_takes_over_what_an_inner_one_brought(tmp_path: Path, world: World) -> None:
    paint(tmp_path / "other.png", "red", (33, 33))
    report = world.index(tmp_path)
    assert report == IndexReport(new=1, unchanged=3, embedded=1)
    (world.photos / "red.png").unlink()
    assert world.index(tmp_path) == IndexReport(missing=1, unchanged=3)


def test_what_was_indexed_from_a_hidden_folder_or_by_name_outlives_a_run_over_its_parent(world: World) -> None:
    secret = world.paint(".private/rose.png", "red").parent
    scan = world.paint("scan.png", (255, 0, 1), (30, 30)).rename(world.photos / "scan.dat")
    (secret / "bad.png").write_bytes(b"")
    assert world.index(secret, scan) == IndexReport(new=2, failed=1, embedded=1)
    assert world.index() == IndexReport(unchanged=3)
    assert world.failed() == [(".private/bad.png", "decode", 1)]
    assert world.answers("red") == ["red.png", ".private/rose.png", "scan.dat"]
    (secret / "rose.png").unlink()
    scan.write_bytes(b"")
    assert world.index(secret, scan) == IndexReport(missing=1, failed=1, still_failing=1)


def test_a_single_file_can_be_a_root(world: World) -> None:
    world.paint("one.png", "red", (31, 30))
    world.paint("two.png", "red", (32, 30))
    assert world.index(world.photos / "one.png") == IndexReport(new=1, embedded=1)
    assert world.answers("red") == ["red.png", "one.png"]


def test_a_root_that_has_become_empty_is_not_believed(world: World) -> None:
    for path in world.photos.iterdir():
        path.unlink()
    (world.photos / "notes.txt").write_text("the disk is not mounted")
    with pytest.raises(photoseek.RootEmptied) as caught:
        world.index()
    assert (caught.value.root, caught.value.known_count) == (str(world.photos), 3)
    assert world.library.info().images == 3
    assert world.index(options=IndexOptions(prune=True)) == IndexReport(missing=3)
    assert world.library.search("red") == []
    assert world.index() == IndexReport()


def test_an_emptied_root_beside_a_sound_one_stops_the_run_before_anything_is_missing(
    world: World, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    paint(other / "rose.png", "red", (30, 30))
    world.index(world.photos, other)
    (other / "rose.png").unlink()
    with pytest.raises(photoseek.RootEmptied):
        world.index(world.photos, other)
    assert world.library.info().images == 4


def test_a_root_that_is_gone_says_so_and_changes_nothing(world: World) -> None:
    world.photos.rename(world.photos.with_name("unmounted"))
    with pytest.raises(photoseek.FolderNotFound):
        world.index()
    assert world.library.info().images == 3


def test_nothing_given_changes_nothing(world: World) -> None:
    assert world.library.index([]) == IndexReport()
    assert world.library.info().images == 3


def test_one_path_may_be_given_without_a_list(world: World) -> None:
    assert world.library.index(str(world.photos)) == IndexReport(unchanged=3)
    assert world.library.index(world.photos) == IndexReport(unchanged=3)


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

    def embed_images(self, pixels: photoseek.library.types.Pixels) -> Vectors:
        self.seen += [one.tobytes() for one in pixels]
        return super().embed_images(pixels)


def stop_after(calls: int) -> Callable[[], bool]:
    asked = count()
    return lambda: next(asked) >= calls


SHADES = [(number * 4, 255 - number * 4, 9) for number in range(60)]


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

    def embed_images(self, pixels: photoseek.library.types.Pixels) -> Vectors:
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


def test_a_folder_without_pictures_makes_an_empty_library_that_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        assert library.index(tmp_path / "photos") == IndexReport()
        assert library.search("red") == []


def test_a_wrong_folder_makes_no_library(tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        with pytest.raises(photoseek.FolderNotFound):
            library.index(tmp_path / "nowhere")
        assert not (tmp_path / "library").exists()
