"""Composed questions and evaluation on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from photoseek import cli
from photoseek.tests.fakes import ColourEmbedder, paint

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on an indexed library of colours; return its exit code, stdout and stderr."""
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr("photoseek.api.opened.load_embedder", lambda name: ColourEmbedder(f"{name}@1"))

    def invoke(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["photoseek", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    for name, colour in {"red": (255, 0, 0), "blue": (0, 0, 255), "violet": (255, 0, 255)}.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    assert invoke("index", tmp_path / "photos")[0] == 0
    return invoke


def found(answer: tuple[int, str, str]) -> list[str]:
    code, out, err = answer
    assert (code, err) == (0, "")
    return [Path(line.split(maxsplit=1)[1]).stem for line in out.splitlines()]


def test_a_sum_may_be_several_words_of_the_shell(run: Run, tmp_path: Path) -> None:
    assert found(run("search", "9:red", "+", f"{tmp_path}/photos/blue.png")) == ["red", "violet", "blue"]
    assert found(run("search", "red + blue", "-k", "1")) == ["violet"]


def test_options_add_and_avoid(run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    assert found(run("search", "--like", photos / "red.png", "--like", photos / "blue.png", "-k", "1")) == ["violet"]
    assert found(run("search", "red", "--weight", "9", "--like", photos / "blue.png"))[0] == "red"
    assert found(run("search", "red", "--not", "blue"))[0] == "red"
    assert len(found(run("search", "red blue", "--not-like", photos / "blue.png"))) == 3
    assert "only things to keep away from" in run("search", "--not-like", photos / "blue.png")[2]


def test_filters_thresholds_and_orders(run: Run) -> None:
    assert found(run("search", "red", "--where", "path ~ '*/?l*'")) == ["blue"]
    assert found(run("search", "red", "--threshold", "0.7")) == ["red", "violet"]
    assert len(found(run("search", "red", "--sort", "newest"))) == 3
    code, out, _ = run("search", "red", "--threshold", "auto", "--json")
    assert (code, all(0.5 <= hit["probability"] <= 1 for hit in json.loads(out))) == (0, True)


def test_no_answer_says_why(run: Run) -> None:
    assert run("search", "a quiet word", "--threshold", "auto") == (0, "", "nothing here matches\n")
    assert run("search", "red", "--where", "width > 9999") == (0, "", "no images: none matches the filter\n")
    assert run("search", "red", "--threshold", "2")[2] == "no images: none scores as high as the threshold\n"


def test_a_wrong_filter_is_one_line_that_points_at_the_character(run: Run) -> None:
    code, out, err = run("search", "red", "--where", "width >> 3")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "filter, character 8: width is a whole number" in err
    assert "(at width >>>>> 3)" in err


def test_a_private_address_is_refused(run: Run) -> None:
    code, _, err = run("search", "--like", "http://127.0.0.1:1/a.jpg")
    assert (code, "in a private network" in err) == (1, True)


def test_labelled_queries_are_measured_and_models_compared(run: Run, tmp_path: Path) -> None:
    queries = tmp_path / "queries.csv"
    queries.write_text("text,path\nred,red.png\nblue,blue.png\nred blue,gone.png\n")
    code, out, err = run("eval", queries)
    assert code == 0
    assert "mini: 3 images" in out
    assert "text to image  text        mAP         1.000  [ 1.000,  1.000]" in out
    assert "left out: 1 queries" in err
    figures = json.loads(run("eval", queries, "--json")[1])
    assert (figures["model"], figures["images"], figures["unanswerable"], figures["unknown_files"]) == ("mini", 3, 1, 1)
    run("index", tmp_path / "photos", "--model", "other")
    code, out, _ = run("eval", queries, "--against", "other")
    assert (code, "other less mini" in out) == (0, True)
    assert len(json.loads(run("eval", queries, "--against", "other", "--json")[1])) == 3
    assert run("eval", tmp_path / "none.csv")[0] == 1
