"""Members are read from archives as from files; what is broken, locked or monstrous in one is told, not suffered."""

from __future__ import annotations

import gzip
import random
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.archives import Member, is_archive_name, open_archive, split_member
from photoseek.library.images.sources import Failed, FileBytes, FileState, exists, read_bytes, read_file
from photoseek.tests.support.packed import ARCHIVE_NAMES, pack

MEMBERS = {"b/2.jpg": b"two" * 1000, "1.jpg": b"one", "1.txt": b"words", "a/3.png": b""}
LIMIT = 1 << 20


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_members_are_listed_and_read_in_any_order(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, MEMBERS)
    members = open_archive(str(path)).members()
    assert sorted(members, key=lambda m: m.name) == [Member(n, len(d)) for n, d in sorted(MEMBERS.items())]
    for member in [*MEMBERS, *reversed(MEMBERS)]:
        assert read_bytes(f"{path}!/{member}", LIMIT) == MEMBERS[member]


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_a_member_that_is_not_there_is_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, MEMBERS)
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{path}!/4.jpg", LIMIT)
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{tmp_path}/gone-{name}!/1.jpg", LIMIT)
    assert (exists(f"{path}!/1.jpg"), exists(f"{tmp_path}/gone-{name}!/1.jpg")) == (True, False)


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_a_member_is_recorded_with_its_own_size_and_the_archives_date(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, MEMBERS)
    found = FileState(f"{path}!/1.jpg", str(tmp_path), size_bytes=7, mtime_ns=7)
    now = FileState(found.path, found.root, size_bytes=3, mtime_ns=path.stat().st_mtime_ns)
    assert read_file(found, LIMIT) == FileBytes(now, b"one")


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_a_member_over_the_limit_is_not_read(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, {"bomb.bmp": bytes(3_000_000)})
    member = FileState(f"{path}!/bomb.bmp", str(tmp_path), 3_000_000, 1)
    assert read_file(member, LIMIT) == Failed(member, "read", "its 3,000,000 bytes are over the limit")


def test_a_member_larger_than_its_archive_says_is_not_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "lie.zip", {"1.jpg": bytes(500_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace((500_000).to_bytes(4, "little"), (500).to_bytes(4, "little")))
    with pytest.raises(ImageUnreadable, match="damaged in its archive"):
        read_bytes(f"{path}!/1.jpg", LIMIT)


def test_an_encrypted_member_is_told_as_such(tmp_path: Path) -> None:
    path = pack(tmp_path / "secret.zip", {"1.jpg": b"one"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    [member] = open_archive(str(path)).members()
    assert member.problem == "encrypted: unpack it with its password, and index the folder"
    with pytest.raises(ImageUnreadable, match="encrypted"):
        read_bytes(f"{path}!/1.jpg", LIMIT)


def test_a_changed_archive_is_opened_anew(tmp_path: Path) -> None:
    path = pack(tmp_path / "shard.tar", {"1.jpg": b"old"})
    assert read_bytes(f"{path}!/1.jpg", LIMIT) == b"old"
    pack(path, {"0.jpg": b"longer than before" * 1000, "1.jpg": b"new"})
    assert read_bytes(f"{path}!/1.jpg", LIMIT) == b"new"


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
def test_threads_read_one_archive_at_once(tmp_path: Path, name: str) -> None:
    members = {f"{number}.jpg": random.Random(number).randbytes(5_000) for number in range(40)}
    path = pack(tmp_path / name, members)
    wrong: list[str] = []

    def read_all(seed: int) -> None:
        names = random.Random(seed).sample(sorted(members), 40)
        wrong.extend(name for name in names if read_bytes(f"{path}!/{name}", LIMIT) != members[name])

    threads = [threading.Thread(target=read_all, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_names_as_tar_writes_them_lose_their_dot(tmp_path: Path) -> None:
    path = pack(tmp_path / "dot.tar", {"./in/1.jpg": b"one"})
    assert read_bytes(f"{path}!/in/1.jpg", LIMIT) == b"one"


def test_the_path_of_a_member_is_told_from_that_of_a_file(tmp_path: Path) -> None:
    assert split_member("/a/b.zip!/c/d.jpg") == ("/a/b.zip", "c/d.jpg")
    assert split_member("/a/b.TAR.GZ!/d.jpg") == ("/a/b.TAR.GZ", "d.jpg")
    assert split_member("/a/b.zip!/c.tar!/d.jpg") == ("/a/b.zip", "c.tar!/d.jpg")
    assert [split_member(path) for path in ("/a/b.zip", "/a/wow!/d.jpg", "/a/b.zip!", "/a/b.zip!d.jpg")] == [None] * 4
    (tmp_path / "b.zip!").mkdir()
    assert split_member(f"{tmp_path}/b.zip!/d.jpg") is None
    assert [is_archive_name(name) for name in ("a.zip", "a.TGZ", "a.tar.gz", "a.gz", "zip", "a.zip.jpg")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVE_NAMES)
@pytest.mark.parametrize("data", [b"", b"not an archive", b"\x1f\x8b\x08", b"PK\5\6", bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ImageUnreadable, match="damaged archive"):
        open_archive(str(path))


def test_a_tar_cut_short_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = pack(tmp_path / "cut.tar", {"1.jpg": bytes(1000), "2.jpg": bytes(100_000)})
    path.write_bytes(path.read_bytes()[:20_000])
    archive = open_archive(str(path))
    assert next(member.name for member in archive.members()) == "1.jpg"
    assert archive.read("1.jpg", LIMIT) == bytes(1000)
    if len(archive.members()) == 2:
        with pytest.raises(ImageUnreadable, match="damaged in its archive"):
            archive.read("2.jpg", LIMIT)


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A comment in PAX form that says to be 2 GiB long: the standard library would read it whole."""
    header = tarfile.TarInfo("comment")
    header.type, header.size = tarfile.XHDTYPE, 2 << 30
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.tobuf())
        stream.write(bytes(1 << 20))
    with pytest.raises(ImageUnreadable, match="longer than any real one"):
        open_archive(str(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(ARCHIVE_NAMES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0.3, 1),
)
def test_no_spoiled_archive_makes_it_raise_anything_else(
    tmp_path: Path, name: str, edits: list[tuple[float, int]], share: float
) -> None:
    data = bytearray(pack(tmp_path / name, MEMBERS).read_bytes())
    for place, value in edits:
        data[int(place * len(data))] = value
    spoiled = tmp_path / f"{random.Random(bytes(data)).random()}-{name}"
    spoiled.write_bytes(data[: int(share * len(data))])
    try:
        for member in open_archive(str(spoiled)).members():
            state = FileState(f"{spoiled}!/{member.name}", str(tmp_path), 1, 1)
            assert isinstance(read_file(state, LIMIT), FileBytes | Failed)
    except ImageUnreadable:
        pass
    finally:
        spoiled.unlink()


def test_links_and_folders_are_no_members(tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("1.jpg", tarfile.SYMTYPE), ("2.jpg", tarfile.DIRTYPE), ("3.jpg", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert open_archive(str(path)).members() == []
    with zipfile.ZipFile(tmp_path / "folder.zip", "w") as packed:
        packed.mkdir("1.jpg")
    assert open_archive(str(tmp_path / "folder.zip")).members() == []


class Interrupted:
    """A stream whose first seek is followed by another thread's whole reading, where nothing keeps that away."""

    def __init__(self, stream: BinaryIO, other: Callable[[], object]) -> None:
        self._stream = stream
        self._other = other
        self.threads: list[threading.Thread] = []

    def seek(self, place: int) -> int:
        at = self._stream.seek(place)
        if not self.threads:
            self.threads.append(threading.Thread(target=self._other))
            self.threads[0].start()
            self.threads[0].join(timeout=0.2)
        return at

    def read(self, size: int) -> bytes:
        return self._stream.read(size)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_two_threads_never_move_each_others_place_in_a_tar(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"1.jpg": b"one" * 500, "2.jpg": b"two" * 500}
    archive = open_archive(str(pack(tmp_path / name, members)))
    read: dict[str, bytes] = {}
    stream = Interrupted(archive._stream, lambda: read.update({"2.jpg": archive.read("2.jpg", LIMIT)}))  # type: ignore[attr-defined]
    monkeypatch.setattr(archive, "_stream", stream)
    read["1.jpg"] = archive.read("1.jpg", LIMIT)
    stream.threads[0].join()
    assert read == members
