"""A server over a small library of colours, asked in this process."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import photoseek
from photoseek.server.app import create_app
from photoseek.server.options import ServerOptions
from photoseek.tests.support.fakes import ColourEmbedder, paint

Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def colour_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures: red, green, blue, what lies between, and one with a caption."""
    folder = tmp_path_factory.mktemp("colours")
    for number, colour in enumerate(["red", "green", "blue"]):
        paint(folder / f"{colour}.png", colour, size=(40 + number, 30))
    for number in range(4):
        paint(folder / f"mix-{number}.png", (200 - 30 * number, 40 * number, 20), size=(50, 30))
    paint(folder / "told.png", (250, 5, 5), size=(60, 30))
    (folder / "told.txt").write_text("a red door in the sun\n")
    return folder


@pytest.fixture
def log() -> io.StringIO:
    """Where the server of a test writes its log."""
    return io.StringIO()


@pytest.fixture(scope="session")
def colour_library(colour_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them, to be copied."""
    folder = tmp_path_factory.mktemp("colours") / "lib"
    with photoseek.open(folder, model=ColourEmbedder()) as library:
        library.index(colour_folder)
    return folder


@pytest.fixture
def serve(colour_library: Path, tmp_path: Path, log: io.StringIO) -> Iterator[Serve]:
    """Start a server over a library of its own with some options; it ends with the test."""
    folder = tmp_path / "lib"
    shutil.copytree(colour_library, folder)
    with ExitStack() as stack:

        def start(options: ServerOptions | None = None) -> TestClient:
            library = photoseek.open(folder, model=ColourEmbedder())
            app = create_app(replace(options or ServerOptions(), folder=folder), library, log)
            return stack.enter_context(TestClient(app, base_url="http://localhost:8600"))

        yield start


@pytest.fixture
def server(serve: Serve) -> TestClient:
    """A server without keys, on this machine alone."""
    return serve()


def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    """The names of the files of an answer's hits, best first."""
    return [Path(hit["path"]).stem for hit in answer["hits"]]
