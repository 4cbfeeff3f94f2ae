"""Processes side by side on one library: one watches, one indexes, others search; nothing is lost, nobody blocks."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photoseek.tests.cli.test_process import command, indexing, run
from photoseek.tests.support.fakes import paint

PATIENCE_S = 180.0


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three red pictures in `watched` and eight blue ones in `indexed`."""
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(3):
        paint(tmp_path / "watched" / f"{number}.png", (255, number, 0))
    for number in range(8):
        paint(tmp_path / "indexed" / f"{number}.png", (0, number, 255))
    return tmp_path


@contextmanager
def watching(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A `photoseek watch`, killed when it has not ended in time, so that no reader waits for ever."""
    arguments = command("watch", folder, "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(PATIENCE_S, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    told = process.stderr.readline()
    assert told, "the watch ended"
    return told.rstrip("\n")


def found(text: str) -> int:
    answered = run("search", text, "--json", "-k", "100")
    assert answered.returncode == 0, answered.stderr
    return sum(hit["score"] > 0.99 for hit in json.loads(answered.stdout))


def test_a_watch_an_index_and_searches_share_one_library_and_lose_nothing(places: Path) -> None:
    pytest.importorskip("watchdog")
    with watching(places / "watched") as watch:
        assert line(watch) == "3 new"
        with indexing(places / "indexed") as index:
            index.wait_for_batches(2)  # it holds the library, four of its eight pictures written
            paint(places / "watched" / "land" / "later.png", (255, 9, 0))
            note = line(watch)
            assert f"is being written by `photoseek index` (process {index.process.pid} on " in note
            assert note.endswith("; trying again")
            assert (found("red"), found("blue")) == (3, 4)
            second = run("index", places / "watched")
            assert (second.returncode, second.stdout) == (1, "")
            assert f"is being written by `photoseek index` (process {index.process.pid} on " in second.stderr
            index.go_on()
            out, err = index.process.communicate()
            assert (index.process.returncode, json.loads(out)["new"]) == (0, 8), err
        assert line(watch) == "1 new"
        beside = run("index", places / "watched", places / "indexed")
        assert (beside.returncode, beside.stdout) == (0, "0 new, 12 unchanged\n")
        watch.send_signal(signal.SIGINT)
        out, _ = watch.communicate()
    assert watch.returncode == 130
    report = json.loads(out)
    assert (report["new"], report["embedded"], report["failed"]) == (4, 4, 0)
    assert (found("red"), found("blue")) == (4, 8)
    health = run("doctor", "--json")
    assert (health.returncode, json.loads(health.stdout)) == (0, [])


def test_a_watch_told_to_end_by_the_system_ends_with_its_report(places: Path) -> None:
    with watching(places / "watched") as watch:
        assert line(watch).endswith("3 new")
        watch.terminate()
        out, _ = watch.communicate()
    assert watch.returncode == 143
    assert json.loads(out)["new"] == 3
