"""What befalls a command from outside: odd bytes, full disks, short memory, signals; each ends in one clear line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from photoseek.cli.console import INTERRUPTED, TERMINATED
from photoseek.library.embedders.base import Embedder
from photoseek.tests.cli.test_process import command, environment, indexing
from photoseek.tests.cli.test_process import photos as many_photos
from photoseek.tests.support.mounts import humbly
from photoseek.tests.support.terminal import Run, indexed, photos, run

__all__ = ["environment", "indexed", "many_photos", "photos", "run"]  # fixtures

ODD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", ODD),
        ("search", "red", "--not", ODD),
        ("classify", "--labels", f"red,{ODD}", "PICTURE"),
        ("ask", "PICTURE", ODD),
        ("search", "red", "--model", ODD),
        ("caption", "--all", "--language", ODD),
        ("describe", "PICTURE", "--language", ODD),
        ("search", "red", "--rerank", "2", "--judge", ODD),
        ("search", "red", "--like", f"http://127.0.0.1/{ODD}"),
        ("index", f"/nowhere/{ODD}"),
        ("remove", f"/nowhere/{ODD}"),
    ],
)
def test_bytes_that_are_no_text_are_told_of_in_one_line(run: Run, indexed: Path, arguments: tuple[str, ...]) -> None:
    outcome = run(*(str(indexed / "red.png") if one == "PICTURE" else one for one in arguments))
    if outcome.code == 2:  # a choice that was not there, told by the parser
        assert "Traceback" not in outcome.err
        return
    assert "please report" not in outcome.error()


def test_a_batch_of_bytes_that_are_no_text_names_the_line(run: Run, indexed: Path, tmp_path: Path) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text("red\nid:99\n")
    assert "questions.txt, line 2: no image of the library has the id 99" in run("search", "--batch", questions).error()
    questions.write_text(f"red\n\n{indexed}/gone.png\n")
    assert "questions.txt, line 3: " in run("search", "--batch", questions).error()
    questions.write_text("red\n file: \n")
    assert "questions.txt, line 2: an empty path" in run("search", "--batch", questions).error()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments", [("search", "red", "-k", "100"), ("search", "red", "--json"), ("info",), ("--help",)]
)
def test_an_answer_that_cannot_be_written_is_one_line(many_photos: Path, arguments: tuple[str, ...]) -> None:
    assert subprocess.run(command("index", many_photos), capture_output=True, check=False).returncode == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "photoseek: the answer cannot be written: No space left on device\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 9"),
    ],
)
def test_too_little_memory_is_one_line_and_no_bug(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def greedy(_name: str) -> Embedder:
        raise error

    monkeypatch.setattr("photoseek.api.handle.load_embedder", greedy)
    line = run("search", "red").error()
    assert line.startswith("there is not enough memory for this: ")
    assert "report" not in line


def test_help_tells_every_exit_code(run: Run) -> None:
    told = " ".join(run("--help").out.split())
    for code in ("0 ", "1 ", "2 ", "130 ", "141 ", "143 "):
        assert f" {code}" in told


def test_sigterm_finishes_the_batch_in_flight_and_the_next_run_goes_on(many_photos: Path) -> None:
    with indexing(many_photos) as running:
        running.wait_for_batches(2)
        running.process.send_signal(signal.SIGTERM)
        running.go_on()
        out, err = running.process.communicate(timeout=120)
    assert running.process.returncode == TERMINATED == 143
    report = json.loads(out)
    assert (report["new"], report["embedded"], report["interrupted"]) == (8, 8, True)
    assert "stopping after this batch" in err
    rest = subprocess.run(command("index", many_photos), capture_output=True, text=True, check=False)
    assert rest.stdout == "16 new, 8 unchanged, 16 embedded\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)])
def test_a_watch_that_is_ended_says_by_what(many_photos: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        command("watch", many_photos, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == "24 new\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=120)
    assert json.loads(out)["new"] == 24
    assert process.returncode == code


def test_an_error_leaves_nothing_of_the_packages_for_the_end() -> None:
    # Packages that count what is alive when the interpreter ends complain of what an exception keeps alive.
    code = (
        "import sys, weakref\nfrom photoseek.cli import main as cli\n"
        "class Kept: pass\nalive = []\n"
        "def broken(*_arguments, **_names):\n    kept = Kept()\n    alive.append(weakref.ref(kept))\n"
        "    raise ValueError\n"
        "cli.commands = broken\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n"
        "    assert end.code == 1\n    assert end.__context__ is None\n    assert alive[0]() is None"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr


def test_a_file_that_may_be_read_again_is_without_being_told(many_photos: Path) -> None:
    def index() -> str:
        done = subprocess.run([*humbly(), *command("index", many_photos)], capture_output=True, text=True, check=False)
        return done.stdout

    locked = many_photos / "07.png"
    locked.chmod(0)
    assert index() == "23 new, 1 failed, 23 embedded\n"
    assert index() == "0 new, 23 unchanged, 1 still failing\n"
    locked.chmod(0o644)
    assert index() == "1 new, 23 unchanged, 1 embedded\n"
