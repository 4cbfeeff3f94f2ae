"""The demo answers its questions with the pictures that show what they ask for."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest

from photoseek.cli import demo
from photoseek.cli.demo import run_demo
from photoseek.library.errors import DemoUnavailable


def test_the_demo_finds_what_it_asks_for_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lines: list[str] = []
    run_demo(lines.append)
    assert lines[0].startswith("indexed ")
    best = {
        line.strip().removeprefix("photoseek ").split(" ", 1)[1]: following.strip()
        for line, following in itertools.pairwise(lines)
        if line.startswith("\nphotoseek ")
    }
    found = {question.partition('" ')[0].strip('"'): answer.split()[-1] for question, answer in best.items()}
    assert found["a cat"] == "chelsea.png"
    assert found["a cup of coffee"] == "coffee.png"
    assert found["a man with a camera on a tripod"] == "camera.png"
    assert found["a motorcycle"] in {"motorcycle_left.png", "motorcycle_right.png"}
    # What mini does not know, it does not claim to find.
    for unknown in ("an astronaut", "coins"):
        assert best[f'"{unknown}" -k 3 --threshold auto'] == "nothing here matches"
    assert any(question.startswith("chelsea.png") for question in found)
    assert "photoseek index ~/Pictures" in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_without_the_photographs_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _name: None)
    with pytest.raises(DemoUnavailable, match=r"pip install 'photoseek\[demo\]'"):
        run_demo(print)
