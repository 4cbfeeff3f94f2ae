"""The command line in this process: what a command printed, on a library of a test's own with fake models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from photoseek.cli.main import main
from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.search.describe import Vocabulary
from photoseek.tests.support.fakes import ColourEmbedder, paint


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def json(self) -> object:
        """The one value on stdout, when nothing else was printed anywhere."""
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    def error(self) -> str:
        """The one line of an error, less the program's name."""
        assert (self.code, self.out) == (1, "")
        assert "Traceback" not in self.err
        [line] = self.err.splitlines()
        assert line.startswith("photoseek: ")
        assert "unexpected" not in line
        return line.removeprefix("photoseek: ")


Run = Callable[..., Outcome]


def fake(name: str) -> Embedder:
    return ColourEmbedder(f"{name}@1") if name in {"mini", "shades"} else load_embedder(name)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as its process would, on a library of this test's own; `mini` and `shades` are fakes."""
    monkeypatch.setattr("photoseek.api.handle.load_embedder", fake)
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(Vocabulary, "nouns", lambda: Vocabulary(("red", "green", "blue and red")))

    def invoke(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["photoseek", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Outcome(int(caught.value.code or 0), printed.out, printed.err)

    return invoke


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in {"red": (255, 0, 0), "blue": (0, 0, 255), "violet": (255, 0, 255)}.items():
        paint(folder / f"{name}.png", colour)
    return folder


@pytest.fixture
def indexed(run: Run, photos: Path) -> Path:
    assert run("index", photos).code == 0
    return photos


def read_list(outcome: Outcome) -> list[dict[str, object]]:
    value = outcome.json()
    assert isinstance(value, list)
    return value
