"""The command line as processes see it: signals, pipes, locks, locales, users, and the built-in model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from photoseek.cli.console import PIPE_CLOSED
from photoseek.cli.main import main
from photoseek.library.types import Pixels, Vectors
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.mounts import humbly

_BACKGROUND = "TEST_IN_BACKGROUND"


class Obedient(ColourEmbedder):
    """Says on the file `told` that a batch begins, and waits for a line on the file `heard` before the second."""

    def __init__(self, told: int, heard: int) -> None:
        super().__init__("mini@1")
        self._told, self._heard = told, heard
        self._batches = 0

    def embed_images(self, pixels: Pixels) -> Vectors:
        self._batches += 1
        os.write(self._told, b"batch\n")
        if self._batches == 2:
            os.read(self._heard, 1)
        return super().embed_images(pixels)


def main_with_fake(told: int = -1, heard: int = -1) -> None:
    """Run the command line of this process with a fake model, Ctrl-C as at a terminal.

    The tests may themselves run in the background, where shells have it ignored.
    """
    if os.environ.get(_BACKGROUND) is None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    model = ColourEmbedder("mini@1") if told < 0 else Obedient(told, heard)
    with mock.patch("photoseek.api.handle.load_embedder", return_value=model):
        main()


def command(*arguments: str | Path, told: int = -1, heard: int = -1) -> list[str]:
    code = f"from photoseek.tests.cli.test_process import main_with_fake; main_with_fake({told}, {heard})"
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path, environment: None) -> Path:
    for number in range(24):
        paint(tmp_path / "photos" / f"{number:02d}.png", (255, number, 0))
    return tmp_path / "photos"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


class Indexing:
    """A `photoseek index` that waits in its second batch of four until it is told to go on."""

    def __init__(self, process: subprocess.Popen[str], told: int, heard: int) -> None:
        self.process = process
        self._told, self._heard = told, heard

    def wait_for_batches(self, count: int) -> None:
        heard = b""
        while heard.count(b"\n") < count:
            part = os.read(self._told, 100)
            assert part, self.process.communicate()
            heard += part

    def go_on(self) -> None:
        os.write(self._heard, b".")


@contextmanager
def indexing(photos: Path) -> Iterator[Indexing]:
    (told, child_told), (child_heard, heard) = os.pipe(), os.pipe()
    arguments = command("index", photos, "--batch-size", "4", "--json", told=child_told, heard=child_heard)
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=(child_told, child_heard)
    ) as process:
        os.close(child_told)
        os.close(child_heard)
        try:
            yield Indexing(process, told, heard)
        finally:
            process.kill()
            os.close(told)
            os.close(heard)


def test_ctrl_c_finishes_the_batch_in_flight_and_the_next_run_goes_on(photos: Path) -> None:
    with indexing(photos) as running:
        running.wait_for_batches(2)
        running.process.send_signal(signal.SIGINT)
        running.go_on()
        out, err = running.process.communicate(timeout=120)
    assert running.process.returncode == 130
    report = json.loads(out)
    assert (report["new"], report["embedded"], report["interrupted"]) == (8, 8, True)
    assert err.split("\n") == ["", "stopping after this batch; Ctrl-C again stops now", ""]
    rest = run("index", photos)
    assert (rest.returncode, rest.stdout) == (0, "16 new, 8 unchanged, 16 embedded\n")


def test_a_second_ctrl_c_stops_now_and_keeps_the_batches_before(photos: Path) -> None:
    with indexing(photos) as running:
        running.wait_for_batches(2)
        running.process.send_signal(signal.SIGINT)
        # Two signals that arrive together count as one: the first has come when its note has.
        assert running.process.stderr is not None
        note = running.process.stderr.readline() + running.process.stderr.readline()
        running.process.send_signal(signal.SIGINT)
        out, err = running.process.communicate(timeout=120)
    assert "stopping after this batch" in note
    assert (running.process.returncode, out, err) == (130, "", "photoseek: interrupted\n")
    assert run("index", photos).stdout == "20 new, 4 unchanged, 20 embedded\n"


def test_in_the_background_ctrl_c_stays_ignored(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_BACKGROUND, "1")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the process inherits
    try:
        with indexing(photos) as running:
            running.wait_for_batches(2)
            running.process.send_signal(signal.SIGINT)
            running.go_on()
            out, _ = running.process.communicate(timeout=120)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (running.process.returncode, json.loads(out)["new"]) == (0, 24)


def test_of_two_runs_at_once_the_second_names_the_first_and_searches_go_on(photos: Path, tmp_path: Path) -> None:
    with indexing(photos) as running:
        running.wait_for_batches(2)
        second = run("index", photos)
        owner = f"`photoseek index` (process {running.process.pid} on "
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.startswith(f"photoseek: {tmp_path}/library is being written by {owner}")
        assert second.stderr.count("\n") == 1
        found = run("search", "red", "--json")
        assert (found.returncode, len(json.loads(found.stdout))) == (0, 4)
        running.go_on()
        out, _ = running.process.communicate(timeout=120)
        assert (running.process.returncode, json.loads(out)["new"]) == (0, 24)


@pytest.mark.parametrize("arguments", [("search", "red", "-k", "100"), ("search", "red", "--json"), ("info",)])
def test_a_reader_that_goes_away_ends_the_output_quietly(photos: Path, arguments: tuple[str, ...]) -> None:
    assert run("index", photos).returncode == 0
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command(*arguments), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""


def test_head_takes_the_first_line(photos: Path) -> None:
    assert run("index", photos).returncode == 0
    with subprocess.Popen(command("search", "red"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as search:
        first = subprocess.run(["head", "-1"], stdin=search.stdout, capture_output=True, text=True, check=False)
        assert search.stderr is not None
        assert search.stderr.read() == b""
    assert first.stdout == f" 1.000  {photos}/00.png\n"


def test_a_terminal_that_knows_few_letters_is_served(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(photos / "日 Küste.png", "green")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert run("index", photos).returncode == 0
    arguments = command("search", "green", "-k", "1")
    found = subprocess.run(arguments, capture_output=True, encoding="latin-1", check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, f" 1.000  {photos}/\\u65e5 Küste.png\n", "")
    assert json.loads(run("search", "green", "-k", "1", "--json").stdout)[0]["path"] == f"{photos}/日 Küste.png"


def test_a_library_that_may_not_be_written_is_not_indexed_into_and_says_so_in_one_line(
    photos: Path, tmp_path: Path
) -> None:
    assert run("index", photos).returncode == 0
    library = tmp_path / "library"
    inside = [library, *library.rglob("*")]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run([*humbly(), *command("index", photos)], capture_output=True, text=True, check=False)
    for path in inside:
        path.chmod(0o755)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"photoseek: {library} cannot be written")
    assert run("index", photos).stdout == "0 new, 24 unchanged\n"


# The built-in model, from the script that an installation makes


def script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    installed = Path(sys.executable).with_name("photoseek")
    return subprocess.run([installed, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_installed_script_indexes_searches_and_describes(tmp_path: Path, environment: None) -> None:
    from skimage import data

    photographs = Path(data.__file__).parent
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(photographs / name, tmp_path / "photos")
    indexed = script("index", tmp_path / "photos", "--json")
    assert (indexed.returncode, indexed.stderr) == (0, "")
    assert json.loads(indexed.stdout)["embedded"] == 3
    for question, name in {"a cat": "chelsea.png", "coffee": "coffee.png", "a rocket launch": "rocket.jpg"}.items():
        found = script("search", question, "-k", "1", "--json")
        assert (found.returncode, found.stderr) == (0, "")
        assert [Path(hit["path"]).name for hit in json.loads(found.stdout)] == [name]
    labels = script("describe", tmp_path / "photos" / "chelsea.png", "--vocabulary", "imagenet", "--json")
    assert labels.returncode == 0, labels.stderr
    assert "cat" in json.loads(labels.stdout)[0]["text"]


def test_the_installed_script_tells_errors_in_one_line(environment: None) -> None:
    done = script("search", "a cat")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("photoseek: no library at ")
    assert script("search", "a cat", "-k", "0").returncode == 2


def test_a_query_loads_neither_torch_nor_a_progress_bar(photos: Path) -> None:
    assert run("index", photos).returncode == 0
    code = (
        "import sys\nfrom photoseek.tests.cli.test_process import main_with_fake\n"
        "try:\n    main_with_fake()\nexcept SystemExit as end:\n"
        "    assert not end.code\n    assert not {'torch', 'open_clip', 'tqdm', 'skimage'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, "search", "red"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away_ends_it_quietly(photos: Path) -> None:
    assert run("index", photos).returncode == 0
    # The reading end is closed before the first line is written: what `head` does, without a race.
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(command("search", "red"), stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == PIPE_CLOSED
