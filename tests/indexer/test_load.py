"""Reading files: the bytes read are the bytes recorded, in order, a bounded number at a time, and failures are data."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from photoseek.indexer.load import Loaded, Loader, as_they_lie, hash_file, in_order, worker_threads
from photoseek.indexer.plan import ToRead
from photoseek.library.catalog.changes import KnownFile
from photoseek.library.images.decoding import DecodeLimits
from photoseek.library.images.hashes import hash_bytes
from photoseek.library.images.sources import Failed, FileState
from photoseek.tests.support.fakes import SIDE_PX, ColourEmbedder, paint

LOADER = Loader(ColourEmbedder().preprocess, SIDE_PX)


def task(path: Path, known: KnownFile | None = None) -> ToRead:
    """What planning says of a file, from an older look at it than the one that loading takes."""
    return ToRead(FileState(str(path), str(path.parent), size_bytes=1, mtime_ns=1), known)


def state(path: Path) -> FileState:
    status = path.stat()
    return FileState(str(path), str(path.parent), status.st_size, status.st_mtime_ns)


def failure(path: Path, loader: Loader = LOADER) -> tuple[str, str]:
    result = loader.load(task(path))
    assert isinstance(result, Failed)
    assert result.file.path == str(path)
    return result.stage, result.reason


def test_a_picture_comes_with_its_facts_and_the_file_as_it_was_read(tmp_path: Path) -> None:
    path = paint(tmp_path / "red.png", "red", (12, 10))
    known = KnownFile(7, str(path), 1, 1, "other", missing=False, embedded=False)
    loaded = LOADER.load(task(path, known))
    assert isinstance(loaded, Loaded)
    assert (loaded.file, loaded.known) == (state(path), known)
    assert loaded.facts.content_hash == hashlib.blake2b(path.read_bytes(), digest_size=20).hexdigest()
    assert (loaded.facts.width, loaded.facts.height, loaded.facts.format) == (12, 10, "PNG")
    assert np.array_equal(loaded.pixels, np.broadcast_to(np.array([255, 0, 0], np.uint8), (SIDE_PX, SIDE_PX, 3)))


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    path.write_bytes(bytes(range(256)) * 10_000)  # more than one block
    assert hash_file(str(path)) == hash_bytes(path.read_bytes())
    assert hash_file(str(tmp_path / "gone")) is None


def test_what_is_no_picture_fails_in_decoding(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear all,")
    assert failure(path)[0] == "decode"


def test_a_file_that_is_gone_or_forbidden_fails_in_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(tmp_path / "gone.jpg") == ("read", "cannot be read: No such file or directory")
    path = paint(tmp_path / "red.png", "red")

    def forbidden(self: Path, mode: str) -> BinaryIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert failure(path) == ("read", "cannot be read: Permission denied")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as stream:
        stream.truncate(5 << 30)
    stage, reason = failure(path)
    assert (stage, reason) == ("read", "its 5,368,709,120 bytes are over the limit")
    small = Loader(LOADER.preprocess, SIDE_PX, DecodeLimits(max_bytes=10))
    assert failure(paint(tmp_path / "red.png", "red"), small)[0] == "read"


@pytest.mark.parametrize("how", ["grows", "shrinks", "is touched"])
def test_a_file_that_changes_while_it_is_read_fails_as_it_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = paint(tmp_path / "red.png", "red")
    before = state(path)
    opened = Path.open

    class Changing:
        """A stream whose file changes at the moment of reading."""

        def __init__(self, stream: BinaryIO) -> None:
            self._stream = stream
            self.fileno = stream.fileno

        def __enter__(self) -> Changing:
            return self

        def __exit__(self, *_error: object) -> None:
            self._stream.close()

        def read(self, size: int) -> bytes:
            if how == "is touched":
                os.utime(path, ns=(1, 1))
            else:
                os.truncate(path, before.size_bytes + (1000 if how == "grows" else -10))
            data = self._stream.read(size)
            assert len(data) <= before.size_bytes + 1
            return data

    monkeypatch.setattr(Path, "open", lambda self, _mode: Changing(opened(self, "rb")))
    assert LOADER.load(task(path)) == Failed(before, "read", "changed while it was being read")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no such files")
def test_a_file_whose_system_hides_its_length_is_refused() -> None:
    # Of the kind that says 0 bytes and then has some: nothing about it would tell that it has changed.
    assert failure(Path("/proc/self/status")) == ("read", "changed while it was being read")


def test_members_of_an_archive_come_as_they_lie_and_all_else_as_it_comes() -> None:
    def asked(path: str, offset: int | None = None) -> ToRead:
        return ToRead(FileState(path, "/", 1, 1, offset=offset), None)

    tasks = [asked("/b.jpg"), asked("/b.tar!/1", 900), asked("/b.tar!/2", 0), asked("/b.tar!/3", 500)]
    tasks += [asked("/c.tar!/1", 3), asked("/c.tar!/2", 1), asked("/d.jpg"), asked("/a.jpg")]
    found = [task.file.path for task in as_they_lie(tasks)]
    assert found == ["/b.jpg", "/b.tar!/2", "/b.tar!/3", "/b.tar!/1", "/c.tar!/2", "/c.tar!/1", "/d.jpg", "/a.jpg"]


def test_results_come_in_the_order_of_the_tasks_however_long_each_takes() -> None:
    last_done = threading.Event()

    def slow_first(number: int) -> int:
        if number == 0:
            assert last_done.wait(timeout=60)
        if number == 3:
            last_done.set()
        return number * 10

    with worker_threads(2) as pool:
        assert list(in_order(pool, slow_first, range(20), ahead=8)) == [number * 10 for number in range(20)]


@pytest.mark.parametrize("ahead", [1, 2, 7, 100])
def test_never_more_are_begun_than_taken_and_allowed_ahead(ahead: int) -> None:
    drawn = 0

    def tasks() -> Iterator[int]:
        nonlocal drawn
        for number in range(50):
            drawn += 1
            yield number

    with worker_threads(3) as pool:
        for taken, result in enumerate(in_order(pool, abs, tasks(), ahead)):
            assert result == taken
            assert drawn - taken <= ahead
    assert drawn == 50


def test_an_exception_in_a_worker_reaches_the_caller_and_ends_the_rest() -> None:
    begun: list[int] = []

    def failing(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise RuntimeError("the model's preprocessing broke")
        return number

    def run() -> None:
        with worker_threads(1) as pool:
            for _ in in_order(pool, failing, range(1000), ahead=4):
                pass

    with pytest.raises(RuntimeError, match="preprocessing broke"):
        run()
    assert max(begun) <= 6


def test_on_leaving_what_has_not_begun_is_dropped() -> None:
    gate = threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        assert gate.wait(timeout=60)
        done.append(number)

    def leave() -> None:
        with worker_threads(1) as pool:
            for number in range(100):
                pool.submit(work, number)
            gate.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert len(done) < 100


def test_pictures_are_read_by_threads_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=60)

    def preprocess(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        together.wait()
        return np.asarray(image)

    loader = Loader(preprocess, SIDE_PX)
    tasks = [task(paint(tmp_path / f"{number}.png", "blue")) for number in range(4)]
    with ThreadPoolExecutor(2) as pool:
        assert all(isinstance(item, Loaded) for item in in_order(pool, loader.load, tasks, ahead=4))
