"""Real browsers before a real server: `photoseek ui` in a process of its own, and Debian's chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

import photoseek
from photoseek.tests.support.fakes import paint

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
_ADDRESS = re.compile(r"URL: (http://\S+)")
_OURS = ("http://127.0.0.1:", "http://localhost:", "data:", "blob:")
SLOWEST_MS = 180_000
"""How long a page may take on a machine that others use as well."""

_LONGEST_END_S = 60.0

PASSWORD = "correct horse"

HOSTILE_NAME = "<img src=x onerror=alert(1)>.jpg"


@contextmanager
def serving(library: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve a library with `photoseek ui` and these arguments; yield the address of the pages."""
    command = [str(Path(sys.executable).with_name("photoseek")), "ui", "--library", str(library), "--port", "0"]
    cache = {"PHOTOSEEK_CACHE": str(library.parent / "cache"), "PYTHONUNBUFFERED": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOSEEK_UI")}
    with subprocess.Popen(
        [*command, *arguments],
        env=kept | cache | dict(environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said = []
            for line in process.stdout or ():
                said.append(line)
                if found := _ADDRESS.search(line):
                    break
            else:
                pytest.fail("the server did not start:\n" + "".join(said))
            # What it says from now on is read and dropped: a full pipe would stop it.
            Thread(target=process.stdout.read if process.stdout else None, daemon=True).start()
            yield found[1].rstrip("/")
        finally:
            process.terminate()
            try:
                process.wait(_LONGEST_END_S)
            except subprocess.TimeoutExpired:
                process.kill()  # no test is to wait for it for ever


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A chromium that talks to nobody but the server."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"pages are not tested: there is no {CHROMIUM}; apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Open a page of a new visitor. In the end, none may have asked another server for anything, done
    what the server's policy forbids, or met an error."""
    opened: list[Page] = []
    trouble: list[str] = []

    def opened_dialog(dialog: Dialog) -> None:
        trouble.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def asked_for(request: Request) -> None:
        if not request.url.startswith(_OURS):
            trouble.append(request.url)

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            trouble.append(message.text)

    def new() -> Page:
        context = browser.new_context(viewport={"width": 1_280, "height": 800})
        context.set_default_timeout(SLOWEST_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", opened_dialog)
        page.on("request", asked_for)
        page.on("console", said)
        opened.append(page)
        return page

    yield new
    for page in opened:
        page.context.close()
    assert trouble == []


@pytest.fixture
def page(new_page: Callable[[], Page]) -> Page:
    """A page of a new visitor."""
    return new_page()


@pytest.fixture(scope="session")
def sample_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library, by mini, of some of scikit-image's photographs, three painted pictures and a hostile name."""
    samples = Path(str(pytest.importorskip("skimage").__file__)).parent / "data"
    home = tmp_path_factory.mktemp("served")
    photos = home / "photos"
    photos.mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "horse.png"):
        shutil.copy(samples / name, photos / name)
    for colour in ("red", "green", "blue"):
        paint(photos / "painted" / f"{colour}.png", colour, (240, 180))
    shutil.copy(samples / "coffee.png", photos / "copy of coffee.png")
    _write_hostile(photos / HOSTILE_NAME)
    with photoseek.open(home / "sample.library") as library:
        library.index([photos])
    return home / "sample.library"


@pytest.fixture(scope="session")
def sample_server(sample_library: Path) -> Iterator[str]:
    """The address of a server of the sample library, shared by tests that change nothing."""
    with serving(sample_library) as address:
        yield address


@pytest.fixture(scope="session")
def guarded_server(sample_library: Path) -> Iterator[str]:
    """The address of a server of the sample library that asks for PASSWORD and shows its guests no way to write."""
    with serving(sample_library, "--read-only", environ={"PHOTOSEEK_UI_PASSWORD": PASSWORD}) as address:
        yield address


@pytest.fixture(scope="session")
def red_loving_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of painted pictures, by mini, whose vision-language model says yes to whatever is red."""
    from photoseek.tests.support.tiny_vlms import red_loving_vlm

    home = tmp_path_factory.mktemp("judged")
    model = red_loving_vlm(home / "vlm")
    for colour in ("red", "green", "blue"):
        paint(home / "photos" / f"{colour}.png", colour, (240, 180))
    with photoseek.open(home / "judged.library") as library:
        library.index([home / "photos"])
    settings = home / "judged.library" / "library.toml"
    settings.write_text(f'{settings.read_text()}\nvlm = "llava:{model}"\n')
    return home / "judged.library"


def _write_hostile(file: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = "<script>alert(2)</script><img src=x onerror=alert(3)> ![x](http://127.0.0.2/x.png)"  # description
    exif[0x0110] = "<b onmouseover=alert(4)>Camera</b>"
    Image.new("RGB", (300, 200), (250, 120, 0)).save(file, exif=exif)
