"""Composed questions and evaluation on the command line."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from photoseek.cli.main import main
from photoseek.tests.support.fakes import ColourEmbedder, paint

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on an indexed library of colours; return its exit code, stdout and stderr."""
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr("photoseek.api.handle.load_embedder", lambda name: ColourEmbedder(f"{name}@1"))

    def invoke(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["photoseek", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
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


def test_a_wrong_filter_is_shown_with_a_caret_below_the_place(run: Run) -> None:
    code, out, err = run("search", "red", "--where", "width >> 3")
    assert (code, out) == (1, "")
    told, shown, caret = err.splitlines()
    assert told.startswith("photoseek: filter, character 8: width is a whole number")
    assert (shown, caret) == ("width >> 3", " " * 7 + "^")


def test_a_filter_of_texts_that_matches_nothing_reminds_of_how_they_compare(run: Run) -> None:
    whole = "; ~ matches the whole text, as in '*/Trips/*'\n"
    assert run("search", "red", "--where", "path ~ 'red' and width > 1")[2].endswith(whole)
    capitals = "none matches the filter; capital and small letters differ in texts, but for ~\n"
    assert run("search", "red", "--where", "not (format = 'PNG' or width = 1)")[2].endswith(capitals)
    assert run("search", "red", "--where", "format in ('png')")[2].endswith(capitals)


def test_words_that_name_a_file_are_said_to_be_words(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "photos")
    code, out, err = run("search", "red.png")
    assert (code, len(out.splitlines())) == (0, 3)
    assert err == "note: red.png is taken as words; the picture of that name is --like red.png\n"
    assert run("search", "red", "--not", "blue.png")[2].endswith("--not-like blue.png\n")
    assert found(run("search", "./red.png")) == ["red", "violet", "blue"]
    assert run("search", "x" * 5000)[2] == ""


def test_a_calibrated_answer_shows_its_chance(run: Run) -> None:
    _, out, _ = run("search", "red", "--threshold", "auto")
    assert out
    assert [line for line in out.splitlines() if not re.fullmatch(r" +\d\.\d{3}  [ \d]{3}%  /.*\.png", line)] == []


@pytest.mark.parametrize("at_once", [1, 64])
def test_a_file_of_questions_is_answered_line_by_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("photoseek.cli.search_output._AT_ONCE", at_once)
    questions = tmp_path / "questions.txt"
    questions.write_text("\ufeffred\n\n  2:blue + red  \n", encoding="utf-8")
    answers = json.loads(run("search", "--batch", questions, "-k", "2", "--json")[1])
    assert [one["query"] for one in answers] == ["red", "2:blue + red"]
    alone = [json.loads(run("search", words, "-k", "2", "--json")[1]) for words in ("red", "2:blue + red")]
    for answer, hits in zip(answers, alone, strict=True):
        assert [hit["path"] for hit in answer["hits"]] == [hit["path"] for hit in hits]
    lines = run("search", "--batch", questions, "-k", "1", "--where", "path ~ '*blue*'")[1].splitlines()
    assert [lines[0], lines[3]] == ["red", "2:blue + red"]
    assert lines[1].endswith("blue.png")


def test_a_wrong_line_of_a_file_of_questions_is_named(run: Run, tmp_path: Path) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text("red\nred + \n", encoding="utf-8")
    code, out, err = run("search", "--batch", questions)
    assert (code, out, "questions.txt, line 2: something is missing" in err) == (1, "", True)
    questions.write_bytes(b"caf\xe9\n")
    assert "is no text in UTF-8" in run("search", "--batch", questions)[2]
    assert run("search", "--batch", tmp_path / "none.txt")[0] == 2
    assert run("search", "red", "--batch", questions)[0] == 2


def test_words_of_captions_come_first_when_asked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos" / "blue.txt").write_text("the red line")
    run("index", tmp_path / "photos")
    assert found(run("search", "red")) == ["red", "violet", "blue"]
    assert found(run("search", "red", "--texts")) == ["blue", "red", "violet"]


def test_near_duplicates_are_folded_with_a_count(run: Run, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "photos" / "red.png", tmp_path / "photos" / "again.png")
    run("index", tmp_path / "photos")
    _, out, err = run("search", "red", "--fold")
    assert err == ""
    assert [line.endswith("red.png  (+1 alike)") for line in out.splitlines()] == [True, False, False]
    hits = json.loads(run("search", "red", "--fold", "--json")[1])
    assert [[Path(one["path"]).name for one in hit["duplicates"]] for hit in hits] == [["again.png"], [], []]
    assert "duplicates" not in json.loads(run("search", "red", "--json")[1])[0]


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


def test_a_filter_alone_lists_what_matches(run: Run, tmp_path: Path) -> None:
    dated = tmp_path / "photos" / "dated.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    Image.new("RGB", (30, 20), (0, 255, 0)).save(dated, exif=exif)
    run("index", tmp_path / "photos")
    code, out, err = run("search", "--where", "width > 0", "-k", "2")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"2024-05-06 07:08  {dated}"
    assert len(out.splitlines()) == 2
    answer = json.loads(run("search", "--where", "path ~ '*/RED.png'", "--json")[1])
    assert [one["path"] for one in answer] == [f"{tmp_path}/photos/red.png"]
    assert "score" not in answer[0]
    assert run("search", "--where", "width > 9999") == (0, "", "no images: none matches the filter\n")
    assert run("search", "--where", "width > 0", "--rerank", "3")[0] == 2
    assert run("search")[0] == 1


def test_show_tells_everything_of_an_image(run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "red.txt").write_text("a red barn")
    shutil.copy(photos / "red.png", photos / "again.png")
    run("index", photos)
    told = json.loads(run("show", photos / "red.png", "--json")[1])
    assert (told["path"], told["models"], told["copies"]) == (f"{photos}/red.png", ["mini@1"], [f"{photos}/again.png"])
    assert [text["body"] for text in told["texts"]] == ["a red barn"]
    code, by_id, err = run("show", str(told["id"]))
    assert (code, err) == (0, "")
    assert by_id == run("show", f"id:{told['id']}")[1] == run("show", photos / "red.png")[1]
    lines = by_id.splitlines()
    assert f"path      {photos}/red.png" in lines
    assert "caption   a red barn  (sidecar)" in lines
    assert f"copy      {photos}/again.png" in lines
    (photos / "red.png").unlink()
    run("index", photos)
    assert "missing   since 20" in run("show", str(told["id"]))[1]
    assert "no image of the library has the id 99" in run("show", "99")[2]
    assert "knows nothing at or below this path" in run("show", photos / "none.png")[2]
