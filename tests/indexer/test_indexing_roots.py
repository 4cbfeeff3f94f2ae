"""Whole runs over several roots: inside one another, emptied, gone, hidden, single files."""

from __future__ import annotations

from pathlib import Path

import pytest

import photoseek
from photoseek import IndexOptions, IndexReport
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.worlds import World, world

__all__ = ["world"]  # a fixture


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


def test_a_root_that_also_had_broken_files_is_not_believed_empty_either(world: World) -> None:
    (world.photos / "broken.png").write_bytes(b"no picture")
    assert world.index() == IndexReport(unchanged=3, failed=1)
    for path in world.photos.iterdir():
        path.unlink()
    with pytest.raises(photoseek.RootEmptied):
        world.index()
    assert world.library.info().images == 3
    assert world.failed() == [("broken.png", "decode", 1)]


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
