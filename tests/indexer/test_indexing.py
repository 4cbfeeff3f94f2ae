"""Whole runs over folders that live: each change is reported as what it is, costs what it must, and is found after."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from photoseek import Failure, IndexOptions, IndexReport
from photoseek.tests.support.worlds import World, world

__all__ = ["world"]  # a fixture


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


def test_names_that_are_not_unicode_live_as_others_do(world: World) -> None:
    names = [os.fsdecode(name) for name in (b"caf\xe9.png", b"\xff/a.png", b"\xee\x80\x80.png", b"\xed\x9f\xbf.png")]
    for name in names:
        world.paint(name, "red", (20, 20))
    assert world.index() == IndexReport(new=4, unchanged=3, embedded=4)
    assert world.index() == IndexReport(unchanged=7)
    assert sorted(world.answers("red")) == sorted([*names, "red.png"])
    moved = os.fsdecode(b"\xfe.png")
    (world.photos / names[0]).rename(world.photos / moved)
    assert world.index() == IndexReport(moved=1, unchanged=6)
    (world.photos / moved).write_bytes(b"")
    assert world.index() == IndexReport(failed=1, unchanged=6)
    assert world.failed() == [(moved, "decode", 1)]


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
