"""Nobody is contacted who was not named, and nothing is written but to the library, the cache and temporary folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from photoseek.library.telemetry import disable_telemetry
from photoseek.tests.support.fakes import paint
from photoseek.tests.support.tracing import Trace, outside

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHOTOSEEK = Path(sys.executable).with_name("photoseek")
PATIENCE_S = 300.0

SESSION = """
import sys, photoseek
with photoseek.open() as library:
    library.index([sys.argv[1]])
    library.search("a cup of coffee")
    *_, last = library.refine("a cup of coffee", depth=3)
    library.classify(library.search("a cup", k=1)[0].image.path, ["a cup", "a cat"])
    library.duplicates()
    assert library.map().method == "umap"
"""

STRAY = """
import pathlib, socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
try:
    socket.getaddrinfo("photoseek.invalid", 80)
except OSError:
    pass
pathlib.Path("stray.txt").write_text("here")
(pathlib.Path.home() / ".cache" / "elsewhere").mkdir(parents=True)
pathlib.Path(pathlib.Path.home() / ".cache" / "photoseek").mkdir(parents=True)
"""


@dataclass(frozen=True)
class Stranger:
    """A user nobody knows: a home of their own with some pictures in it, and an environment that asks for nothing."""

    home: Path

    @property
    def photos(self) -> Path:
        return self.home / "Pictures"

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        return kept | {"HOME": str(self.home), "TMPDIR": str(self.home / "tmp")}

    def trace(self, name: str) -> Trace:
        return Trace(self.home / f"{name}.trace")

    def run(self, name: str, *program: str | Path) -> tuple[int, Trace]:
        """Run a program to its end under the tracer."""
        trace = self.trace(name)
        command = trace.command(*program)
        ran = subprocess.run(
            command, cwd=self.home, env=self.environ, capture_output=True, timeout=PATIENCE_S, check=False
        )
        return ran.returncode, trace

    @contextmanager
    def running(self, name: str, *program: str | Path) -> Iterator[tuple[subprocess.Popen[str], Trace]]:
        """Run a program under the tracer that is told to end, as the system tells it to, when the block does."""
        trace = self.trace(name)
        with subprocess.Popen(
            trace.command(*program),
            cwd=self.home,
            env=self.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # the tracer itself takes no notice of signals
        ) as process:
            try:
                yield process, trace
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.communicate(timeout=PATIENCE_S)
                finally:
                    process.kill()

    def strays(self, trace: Trace) -> list[Path]:
        """Return what was made in no place of ours."""
        ours = (self.home / ".local/share/photoseek", self.home / ".cache/photoseek", self.home / "tmp")
        return outside(trace.created(self.home), *ours)


def said(process: subprocess.Popen[str], wanted: str) -> str:
    """Read what a program says up to the line that matches; what it says from then on is dropped."""
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if found := re.search(wanted, line):
            Thread(target=process.stdout.read if process.stdout else None, daemon=True).start()
            return found[0]
    pytest.fail("it ended:\n" + "".join(lines))


def new_home(home: Path) -> Stranger:
    samples = Path(str(pytest.importorskip("skimage").__file__)).parent / "data"
    someone = Stranger(home)
    (home / "tmp").mkdir(parents=True)
    for number in range(30):  # as few as UMAP draws a map of
        paint(someone.photos / "painted" / f"{number}.png", (8 * number, 255 - 8 * number, 120))
    for name in ("astronaut.png", "coffee.png", "rocket.jpg"):
        shutil.copy(samples / name, someone.photos)
    return someone


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """A user with a library of some pictures, of which photographs have been described once."""
    someone = new_home(tmp_path_factory.mktemp("stranger"))
    for arguments in (("index", someone.photos), ("describe", someone.photos / "coffee.png")):
        subprocess.run([PHOTOSEEK, *arguments], cwd=someone.home, env=someone.environ, check=True, capture_output=True)
    return someone


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("index", "Pictures"), 0),
        (("search", "a cup of coffee", "--rerank", "3", "--threshold", "auto"), 0),
        (("search", "--like", "Pictures/rocket.jpg", "--sheet", "tmp/sheet.png"), 0),
        (("describe", "Pictures/rocket.jpg", "--texts"), 0),
        (("caption", "Pictures/rocket.jpg"), 0),  # by the captioner that is built in
        (("ask", "Pictures/rocket.jpg", "What is it?"), 1),
        (("doctor",), 0),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_command_contacts_nobody_and_writes_nowhere_else(
    stranger: Stranger, arguments: tuple[str, ...], code: int
) -> None:
    returned, trace = stranger.run(arguments[0], PHOTOSEEK, *arguments)
    assert returned == code
    assert trace.contacts() == []
    assert stranger.strays(trace) == []


def test_the_first_run_of_all_contacts_nobody_and_writes_nowhere_else(tmp_path: Path) -> None:
    newcomer = new_home(tmp_path / "newcomer")
    returned, trace = newcomer.run("first", PHOTOSEEK, "index", newcomer.photos)
    assert returned == 0
    assert trace.contacts() == []
    assert newcomer.strays(trace) == []
    assert newcomer.home / ".local/share/photoseek/default.library" in trace.created(newcomer.home)


def test_a_session_in_python_contacts_nobody_and_writes_nowhere_else(stranger: Stranger) -> None:
    pytest.importorskip("umap", reason="the map is not drawn by UMAP: umap-learn is not installed")
    returned, trace = stranger.run("session", sys.executable, "-c", SESSION, stranger.photos)
    assert returned == 0
    assert trace.contacts() == []
    assert stranger.strays(trace) == []


def test_a_watch_contacts_nobody_and_writes_nowhere_else(stranger: Stranger) -> None:
    pytest.importorskip("watchdog")
    paint(stranger.photos / "later.png", "red")
    with stranger.running("watch", PHOTOSEEK, "watch", stranger.photos) as (process, trace):
        said(process, "1 new")
    assert trace.contacts() == []
    assert stranger.strays(trace) == []


def test_the_pages_contact_nobody_and_write_nowhere_else(stranger: Stranger, new_page: Callable[[], Page]) -> None:
    with stranger.running("pages", PHOTOSEEK, "ui", "--port", "0") as (process, trace):
        address = said(process, r"http://\S+").rstrip("/")
        page = new_page()
        page.goto(f"{address}/?q=a+cup+of+coffee")
        page.get_by_role("img", name="coffee.png").first.wait_for()
        page.goto(f"{address}/explore")
        page.locator(".legend button").first.wait_for()
        page.goto(f"{address}/library")
        page.get_by_label("Folder on this computer").fill(str(stranger.photos))
        page.get_by_role("button", name="Index", exact=True).click()
        page.get_by_text("Done:").wait_for()
    assert trace.contacts() == []
    assert stranger.strays(trace) == []


def test_the_tracer_sees_contacts_and_files(tmp_path: Path) -> None:
    someone = Stranger(tmp_path)
    (tmp_path / "tmp").mkdir()
    returned, trace = someone.run("stray", sys.executable, "-c", STRAY)
    assert returned == 0
    contacts = trace.contacts()
    assert "192.0.2.1:9" in contacts
    assert [one for one in contacts if one.endswith(":53") or "resolve" in one or "nscd" in one] != []
    assert someone.strays(trace) == [tmp_path / ".cache/elsewhere", tmp_path / "stray.txt"]


def test_telemetry_is_off_unless_the_user_has_it_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    disable_telemetry()
    assert (os.environ["ORT_DISABLE_TELEMETRY"], os.environ["HF_HUB_DISABLE_TELEMETRY"]) == ("1", "0")
