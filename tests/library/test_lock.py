"""The writer's lock: one process at a time, named to the others, gone with the process that held it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from photoseek.library.errors import LibraryError, LibraryLocked
from photoseek.library.lock import writing_lock

_HOLDER = """
import sys
from pathlib import Path
from photoseek.library.lock import writing_lock
with writing_lock(Path(sys.argv[1]), "index"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", _HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_it_is_held_once_and_free_again_afterwards(tmp_path: Path) -> None:
    with writing_lock(tmp_path, "index"), pytest.raises(LibraryLocked), writing_lock(tmp_path, "index"):
        pass
    with writing_lock(tmp_path, "index"):
        assert (tmp_path / "writer.owner").exists()
    assert not (tmp_path / "writer.owner").exists()


def test_another_process_that_holds_it_is_named(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        with pytest.raises(LibraryLocked) as caught, writing_lock(tmp_path, "index"):
            pass
        message = str(caught.value)
    assert message.startswith(f"{tmp_path} is being written by `photoseek index` (process {process.pid} on ")
    assert message.endswith("): wait for it to end (index --wait 10min), or stop it")


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
    assert str(process.pid) in (tmp_path / "writer.owner").read_text(encoding="utf-8")
    with writing_lock(tmp_path, "index"):
        assert str(os.getpid()) in (tmp_path / "writer.owner").read_text(encoding="utf-8")


def test_it_is_released_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing_lock(tmp_path, "index"):
        raise ZeroDivisionError
    with writing_lock(tmp_path, "index"):
        pass


def test_an_error_of_the_work_comes_through_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing_lock(tmp_path, "index"):
        (tmp_path / "nothing").read_text()


def test_two_libraries_are_written_at_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    with writing_lock(first, "index"), writing_lock(second, "index"):
        assert (first / "writer.owner").exists()
        assert (second / "writer.owner").exists()


def test_a_holder_that_has_not_told_its_name_is_another_process(tmp_path: Path) -> None:
    with writing_lock(tmp_path, "index"):
        (tmp_path / "writer.owner").unlink()
        with pytest.raises(LibraryLocked) as caught, writing_lock(tmp_path, "index"):
            pass
    assert caught.value.owner == "another process"


def test_the_lock_holds_when_the_owners_name_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "writer.owner").mkdir()
    with writing_lock(tmp_path, "index"), pytest.raises(LibraryLocked), writing_lock(tmp_path, "index"):
        pass


def test_a_folder_in_which_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "writer.lock").mkdir()
    with pytest.raises(LibraryError) as caught, writing_lock(tmp_path, "index"):
        pass
    assert not isinstance(caught.value, LibraryLocked)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path} cannot be written: ")
    assert message.endswith("; check its disk and permissions")
    assert "\n" not in message


def test_a_lock_that_is_let_go_in_time_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(LibraryLocked), writing_lock(tmp_path, "index"), writing_lock(tmp_path, "remove", wait_s=0.3):
        pass
    with held_elsewhere(tmp_path) as process:
        letting_go = Timer(0.3, process.kill)
        letting_go.start()
        with writing_lock(tmp_path, "remove", wait_s=60):
            assert process.wait() != 0
        letting_go.join()
