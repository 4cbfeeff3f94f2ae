"""Indexing in the background: what is told while it runs, how it is stopped, and how it ends when all is not well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import photoseek
from photoseek.api import indexing_job
from photoseek.api.indexing_job import IndexJobs, IndexJobState
from photoseek.api.indexing_process import IndexOrder
from photoseek.library.lock import writing_lock
from photoseek.tests.support.fakes import paint


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[IndexJobs]:
    made = IndexJobs(tmp_path / "library")
    yield made
    made.close()


def ended(jobs: IndexJobs) -> IndexJobState:
    state = jobs.wait()
    assert state is not None
    assert not state.is_running
    return state


def test_a_folder_is_indexed_and_its_failures_are_reported(tmp_path: Path, jobs: IndexJobs) -> None:
    photos = tmp_path / "photos"
    for colour in ("red", "green"):
        paint(photos / f"{colour}.png", colour)
    (photos / "broken.png").write_bytes(b"not a picture")
    assert jobs.state is None
    started = jobs.start([str(photos)])
    assert started.paths == (str(photos),)
    state = ended(jobs)
    assert state.error is None
    assert state.report == photoseek.IndexReport(new=2, failed=1, embedded=2)
    assert state.progress == photoseek.Progress(3, 3)
    with photoseek.open(tmp_path / "library") as library:
        assert library.info().images == 2
        assert library.failed_roots() == [photos]


def test_failures_are_tried_again_where_that_is_asked(tmp_path: Path, jobs: IndexJobs) -> None:
    photos = tmp_path / "photos"
    paint(photos / "red.png", "red")
    (photos / "broken.png").write_bytes(b"not a picture")
    jobs.start([str(photos)])
    ended(jobs)
    jobs.start([str(photos)], retry_failed=True)
    assert ended(jobs).report == photoseek.IndexReport(unchanged=1, failed=1)
    with photoseek.open(tmp_path / "library") as library:
        assert [failure.tries for failure in library.failures()] == [2]


def test_a_run_that_is_stopped_keeps_what_is_done(tmp_path: Path, jobs: IndexJobs) -> None:
    photos = tmp_path / "photos"
    for number in range(200):
        paint(photos / f"{number:03}.png", (number, 0, 0))
    jobs.start([str(photos)])
    jobs.stop()
    state = ended(jobs)
    assert state.is_stopping
    assert state.report is not None
    assert state.report.interrupted
    jobs.start([str(photos)])
    again = ended(jobs).report
    assert again is not None
    assert again.new + again.unchanged == 200


def test_what_is_wrong_with_the_folder_is_told_in_one_line(tmp_path: Path, jobs: IndexJobs) -> None:
    jobs.start([str(tmp_path / "nowhere")])
    assert ended(jobs).error == (
        f"{tmp_path / 'nowhere'}: no such file or folder; check the spelling, or whether its disk is mounted"
    )
    assert not (tmp_path / "library").exists()


def test_a_library_that_another_process_writes_to_is_told_of(tmp_path: Path, jobs: IndexJobs) -> None:
    photos = paint(tmp_path / "photos" / "red.png", "red").parent
    (tmp_path / "library").mkdir()
    with writing_lock(tmp_path / "library", "watch"):
        jobs.start([str(photos)])
        state = ended(jobs)
    assert state.error is not None
    assert state.error.startswith(
        f"{tmp_path / 'library'} is being written by `photoseek watch` (process {os.getpid()}"
    )


def test_one_run_at_a_time(tmp_path: Path, jobs: IndexJobs) -> None:
    photos = tmp_path / "photos"
    for number in range(40):
        paint(photos / f"{number}.png", (number, 0, 0))
    jobs.start([str(photos)])
    with pytest.raises(photoseek.LibraryLocked, match="started here before"):
        jobs.start([str(photos)])
    assert ended(jobs).report is not None


def test_a_process_that_dies_is_told_of_with_its_last_words(
    tmp_path: Path, jobs: IndexJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing_job, "_START", "raise SystemExit('the disk is on fire')")
    jobs.start([str(tmp_path)])
    assert ended(jobs).error == (
        "indexing ended before it was done (the disk is on fire); run it again to go on from there"
    )


def test_a_process_that_is_killed_is_told_of(tmp_path: Path, jobs: IndexJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing_job, "_START", "import os; os.kill(os.getpid(), 9)")
    jobs.start([str(tmp_path)])
    assert ended(jobs).error == (
        f"indexing ended before it was done (its exit code was {-signal.SIGKILL}); run it again to go on from there"
    )


def test_closing_kills_a_process_that_does_not_end(
    tmp_path: Path, jobs: IndexJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing_job, "END_LIMIT_S", 0.0)
    monkeypatch.setattr(indexing_job, "_START", "import signal; signal.pause()")
    jobs.start([str(tmp_path)])
    jobs.close()
    state = jobs.state
    assert state is not None
    assert state.error is not None


def test_a_run_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Its stdin closes, as it does when the parent is killed, and that is as good as being told to stop."""
    photos = tmp_path / "photos"
    for number in range(100):
        paint(photos / f"{number}.png", (number, 0, 0))
    order = IndexOrder(str(tmp_path / "library"), None, (str(photos),))
    command = [sys.executable, "-c", indexing_job._START, *sys.path]
    run = subprocess.run(command, input=order.line(), capture_output=True, text=True, check=True)
    assert '"interrupted": true' in run.stdout.splitlines()[-1]


def test_an_order_survives_being_written_down() -> None:
    order = IndexOrder("/a\nb", "ViT-B-32/openai", ("/ü", "/c"), retry_failed=True, prune=True)
    assert order.line().count("\n") == 1
    assert IndexOrder.of_line(order.line()) == order
