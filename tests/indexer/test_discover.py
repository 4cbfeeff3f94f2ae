"""Walking folders: everything that is an image file, once, in the order of paths, and nothing that can hang or lie."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.indexer.discover import Found, Unlisted, as_path, as_roots, covers, discover, enters
from photoseek.library.errors import FolderNotFound, FolderUnusable
from photoseek.library.images.sources import Failed, FileState


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def paths(root: Path) -> list[str]:
    """The files found, relative to `root`; fails when anything else is."""
    return [os.path.relpath(file.path, root) for file in files(discover(str(root)))]


def files(found: Iterator[Found]) -> list[FileState]:
    listed = list(found)
    assert all(isinstance(item, FileState) for item in listed), listed
    return [item for item in listed if isinstance(item, FileState)]


def failures(root: Path) -> list[tuple[str, str, str]]:
    """(path relative to `root`, stage, reason) of everything found that is not a file."""
    failed = [item.failed if isinstance(item, Unlisted) else item for item in discover(str(root))]
    return [
        (os.path.relpath(item.file.path, root), item.stage, item.reason) for item in failed if isinstance(item, Failed)
    ]


# Names around the slash in the order of code points, and beyond the plane that UTF-16 sorts differently.
NAMES = st.sampled_from(["a", "a b", "a-", "a.", "a0", "aa", "A", "b", "é", "\uff5e", "\U0001f600", "~", "!"])


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=12))
def test_files_come_in_the_order_of_their_whole_paths(
    tmp_path_factory: pytest.TempPathFactory, places: set[tuple[str, ...]]
) -> None:
    root = tmp_path_factory.mktemp("walk")
    written = [str(touch(root.joinpath(*place[:-1], place[-1] + ".png"))) for place in places]
    assert [file.path for file in files(discover(str(root)))] == sorted(written)


def test_a_file_is_described_as_the_file_system_has_it(tmp_path: Path) -> None:
    file = touch(tmp_path / "one.jpg", b"12345")
    os.utime(file, ns=(1, 1_234_567_890_123_456_789))
    assert list(discover(str(tmp_path))) == [
        FileState(str(file), str(tmp_path), size_bytes=5, mtime_ns=file.stat().st_mtime_ns)
    ]


def test_only_images_are_found_and_case_does_not_matter(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.JPEG", "c.Png", "d.webp", "e.txt", "f", "g.mp4", "h.jpg.part", "png"):
        touch(tmp_path / name)
    assert paths(tmp_path) == ["a.jpg", "b.JPEG", "c.Png", "d.webp"]


def test_hidden_files_and_folders_and_the_systems_own_are_skipped(tmp_path: Path) -> None:
    for name in (".a.jpg", ".trash/b.jpg", "@eaDir/c.jpg", "__MACOSX/d.jpg", "seen/.e.jpg", "seen/f.jpg"):
        touch(tmp_path / name)
    assert paths(tmp_path) == ["seen/f.jpg"]


def test_a_hidden_folder_given_as_the_root_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / ".private" / "a.jpg")
    assert paths(tmp_path / ".private") == ["a.jpg"]


def test_links_in_a_circle_end_and_cost_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path / "inner" / "a.jpg")
    (tmp_path / "inner" / "up").symlink_to(tmp_path)
    (tmp_path / "inner" / "self").symlink_to("self")
    (tmp_path / "to_nothing.jpg").symlink_to("gone.jpg")
    assert paths(tmp_path) == ["inner/a.jpg"]


def test_a_picture_that_links_to_itself_is_recorded_and_its_folder_is_still_read(tmp_path: Path) -> None:
    touch(tmp_path / "sound.jpg")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    found = list(discover(str(tmp_path)))
    assert [item.path for item in found if isinstance(item, FileState)] == [str(tmp_path / "sound.jpg")]
    assert failures(tmp_path) == [
        ("self.jpg", "discover", "cannot be looked at: Too many levels of symbolic links"),
    ]


def test_a_folder_reachable_twice_is_entered_once_by_its_first_name(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.jpg")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "twice").symlink_to(tmp_path / "real")
    assert paths(tmp_path) == ["again/a.jpg"]


def test_a_linked_file_is_found_under_its_own_name(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    assert paths(tmp_path) == ["a.jpg", "b.jpg"]


def test_pipes_sockets_and_devices_are_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.jpg"))
        assert failures(tmp_path) == [
            ("pipe.jpg", "discover", "not a regular file"),
            ("socket.jpg", "discover", "not a regular file"),
            ("zero.jpg", "discover", "not a regular file"),
        ]


def test_a_folder_called_like_a_picture_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "album.jpg" / "a.jpg")
    assert paths(tmp_path) == ["album.jpg/a.jpg"]


def test_names_that_are_not_unicode_are_found_in_their_order(tmp_path: Path) -> None:
    names = [os.fsdecode(b"caf\xe9.jpg"), os.fsdecode(b"d\xff") + "/a.jpg", "caf\u00e9.jpg", "caf\ue000.jpg"]
    for name in names:
        touch(tmp_path / name)
    assert paths(tmp_path) == sorted(names)


def test_a_folder_that_cannot_be_listed_is_one_finding_and_its_neighbours_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.jpg", "b/2.jpg", "c/3.jpg"):
        touch(tmp_path / name)
    forbid_listing(monkeypatch, tmp_path / "b")
    found = list(discover(str(tmp_path)))
    assert [type(item) for item in found] == [FileState, Unlisted, FileState]
    assert failures(tmp_path) == [("b", "discover", "the folder cannot be listed: Permission denied")]


def test_a_link_that_may_not_be_followed_might_hide_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "mounted").symlink_to(tmp_path / "elsewhere")
    real = os.stat

    def refusing(path: str, *, follow_symlinks: bool = True) -> os.stat_result:
        if path == str(tmp_path / "mounted"):
            raise PermissionError(13, "Permission denied")
        return real(path, follow_symlinks=follow_symlinks)

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self._entry = entry.name, entry

        def is_dir(self) -> bool:
            return self._entry.is_dir() if self.name != "mounted" else bool(refusing(self._entry.path))

    listing = os.scandir

    class Listing:
        def __init__(self, path: str) -> None:
            self._entries = listing(path)

        def __enter__(self) -> Iterator[Entry]:
            return map(Entry, self._entries)

        def __exit__(self, *_: object) -> None:
            self._entries.close()

    monkeypatch.setattr(os, "scandir", Listing)
    monkeypatch.setattr(os, "stat", refusing)
    assert failures(tmp_path) == [("mounted", "discover", "the folder cannot be listed: Permission denied")]


def test_a_folder_removed_while_its_parent_is_walked_is_simply_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "b" / "c.jpg")
    walk = discover(str(tmp_path))
    first = next(walk)
    (tmp_path / "b" / "c.jpg").unlink()
    (tmp_path / "b").rmdir()
    assert isinstance(first, FileState)
    assert list(walk) == []


def test_a_file_removed_while_its_folder_is_walked_is_simply_gone(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    last = touch(tmp_path / "b.jpg")
    walk = discover(str(tmp_path))
    next(walk)
    last.unlink()
    assert list(walk) == []


def test_folders_nested_deeper_than_python_recurses_are_walked(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() + 200
    folders = [tmp_path]
    for _ in range(depth):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    picture = touch(folders[-1] / "deep.jpg")
    try:
        assert paths(tmp_path) == ["d/" * depth + "deep.jpg"]
    finally:
        picture.unlink()  # what clears temporary folders away would recurse
        for folder in reversed(folders[1:]):
            folder.rmdir()


def test_a_single_file_is_found_whatever_its_suffix(tmp_path: Path) -> None:
    for name in ("a.jpg", "scan.dat", ".hidden"):
        file = touch(tmp_path / name)
        assert [found.path for found in files(discover(str(file)))] == [str(file)]
        assert [found.root for found in files(discover(str(file)))] == [str(file)]


def test_a_pipe_given_by_name_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert [type(item) for item in discover(str(tmp_path / "pipe.jpg"))] == [Failed]


def test_roots_are_absolute_and_those_inside_another_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/in/x.jpg", "a b/y.jpg", "a/z.jpg", "aa/w.jpg"):
        touch(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    given_paths = [Path(name) for name in ("a/in", "aa", "a", "a/z.jpg", "a b", "./a/../a", "a")]
    assert as_roots(given_paths) == [str(tmp_path / name) for name in ("a", "a b", "aa")]
    assert as_roots([Path("a/in"), Path("a b/y.jpg")]) == [str(tmp_path / "a/in"), str(tmp_path / "a b/y.jpg")]
    assert as_roots([]) == []


def test_a_root_tells_the_path_it_was_made_of(tmp_path: Path) -> None:
    archive, folder = tmp_path / "a.zip", tmp_path / "b.zip!"
    archive.write_bytes(b"")
    folder.mkdir()
    assert as_roots([archive, folder]) == [f"{archive}!", str(folder)]
    assert [as_path(root) for root in as_roots([archive, folder])] == [archive, folder]


@given(st.sets(st.lists(st.sampled_from(["a", "a.", "b"]), max_size=3).map(tuple), min_size=1, max_size=6))
def test_roots_are_those_that_no_other_contains(
    tmp_path_factory: pytest.TempPathFactory, places: set[tuple[str, ...]]
) -> None:
    base = tmp_path_factory.mktemp("roots")
    for place in places:
        base.joinpath(*place).mkdir(parents=True, exist_ok=True)
    outermost = {place for place in places if not any(place[:cut] in places for cut in range(len(place)))}
    assert set(as_roots([base.joinpath(*place) for place in places])) == {str(base.joinpath(*p)) for p in outermost}


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "file.jpg")
    for absent in (tmp_path / "nowhere", tmp_path / "file.jpg" / "inside"):
        with pytest.raises(FolderNotFound, match="no such file or folder") as caught:
            as_roots([tmp_path, absent])
        assert caught.value.path == absent


def test_what_cannot_be_looked_at_says_why(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="File name too long"):
        as_roots([tmp_path / ("x" * 300)])


def test_a_walk_covers_what_it_would_find_and_nothing_else() -> None:
    assert covers("/p", "/p/a.jpg")
    assert covers("/", "/p/a.jpg")
    assert covers("/p/.hidden", "/p/.hidden/a.jpg")
    assert covers("/p/scan.dat", "/p/scan.dat")
    assert not covers("/p", "/p/scan.dat")
    assert not covers("/p", "/p/.hidden/a.jpg")
    assert not covers("/p", "/p/in/@eaDir/a.jpg")
    assert enters("/p", "/p/in")
    assert not enters("/p", "/p/in/.hidden")


def forbid_listing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `folder` refuse to be listed, as it would for a user without the right; tests may run as root."""
    listing = os.scandir

    def refusing(path: str) -> object:
        if path == str(folder):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_a_date_beyond_what_sql_holds_is_cut_to_the_last_that_fits(tmp_path: Path) -> None:
    file = tmp_path / "future.png"
    file.touch()
    status = list(file.stat())
    described = FileState.described(str(file), str(tmp_path), os.stat_result(status, {"st_mtime_ns": 2**63}))
    assert described.mtime_ns == 2**63 - 1


def test_hidden_folders_are_told_of(tmp_path: Path) -> None:
    for name in (".thumbs/a.jpg", "in/@eaDir/a.jpg", "in/b.jpg", ".c.jpg"):
        touch(tmp_path / name)
    hidden: list[str] = []
    found = files(discover(str(tmp_path), on_hidden=hidden.append))
    assert [file.path for file in found] == [str(tmp_path / "in" / "b.jpg")]
    assert sorted(hidden) == [str(tmp_path / ".thumbs"), str(tmp_path / "in" / "@eaDir")]
