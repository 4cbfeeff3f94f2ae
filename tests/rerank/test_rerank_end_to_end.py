"""Reranking through the whole product: command line, API, cache, with fakes and with a real, tiny LLaVA."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import photoseek
from photoseek.cli.main import main
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge, failing

Run = Callable[..., tuple[int, str, str]]

# What is asked for has nothing to do with colours, so that the first order is that of the ids: blue ones first.
PICTURES = ["blue", "green", "blue", "red", "green", "blue", "red", "green", "red"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, colour in enumerate(PICTURES):
        paint(tmp_path / "photos" / f"{number}-{colour}.png", colour, size=(20 + number, 20))
    return tmp_path / "photos"


@pytest.fixture
def run(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
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

    assert invoke("index", photos)[0] == 0
    return invoke


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> ColourJudge:
    """The judge that the command line gets under any name."""
    judge = ColourJudge()
    for loader in ("load_judge", "load_captioner", "load_vlm"):
        monkeypatch.setattr(f"photoseek.rerank.registry.{loader}", lambda _name: judge)
    return judge


def stems(out: str) -> list[str]:
    return [Path(line.split()[-1]).stem for line in out.splitlines()]


def test_a_search_prints_both_looks_and_their_fusion(run: Run, judge: ColourJudge) -> None:
    code, out, err = run("search", "a red thing", "--rerank", "9", "--judge", "colours", "-k", "4")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert [Path(line[-1]).stem.partition("-")[2] for line in lines[:3]] == ["red"] * 3
    assert {len(line) for line in lines} == {4}
    assert [line[2] for line in lines] == ["95%"] * 3 + ["5%"]
    assert sum(judge.sizes) == 9


def test_json_holds_both_scores_the_box_and_the_veto(run: Run, judge: ColourJudge) -> None:
    _, out, _ = run("search", "blue", "--not", "red", "--rerank", "20", "--judge", "colours", "--json")
    answer = json.loads(out)
    assert [Path(one["path"]).stem.partition("-")[2] for one in answer] == ["blue"] * 3 + ["green"] * 3 + ["red"] * 3
    assert answer[0]["judged"] == 0.95
    assert answer[0]["fused"] > answer[3]["fused"]
    assert 0 <= answer[0]["probability"] <= 1
    assert [one["vetoed"] for one in answer] == [False] * 6 + [True] * 3
    assert {one["box"] is None for one in answer} == {True}
    _, out, _ = run("search", "blue", "--rerank", "3", "--json")
    box = json.loads(out)[0]["box"]
    assert len(box) == 4
    assert all(0 <= edge <= 1 for edge in box)
    assert "judged" not in json.loads(run("search", "blue", "--json")[1])[0]


def test_a_second_search_asks_nothing_again(run: Run, judge: ColourJudge) -> None:
    first = run("search", "red", "--rerank", "9", "--judge", "colours")
    assert sum(judge.sizes) == 9
    assert run("search", "red", "--rerank", "9", "--judge", "colours") == first
    assert sum(judge.sizes) == 9


def test_an_empty_budget_gives_the_first_order_and_says_so(run: Run, judge: ColourJudge) -> None:
    code, out, err = run("search", "red", "--rerank", "9", "--judge", "colours", "--budget", "0s")
    assert (code, judge.sizes) == (0, [])
    assert stems(out) == stems(run("search", "red")[1])
    assert "the budget was enough for 0 of 9" in err


def test_what_went_wrong_is_said_and_the_answer_still_comes(run: Run, judge: ColourJudge, photos: Path) -> None:
    (photos / "0-blue.png").unlink()
    judge.before = failing(after=2)
    code, out, err = run("search", "red", "--rerank", "9", "--judge", "colours")
    assert (code, len(out.splitlines())) == (0, 9)
    assert "not judged" in err
    assert "0-blue.png: cannot be read: No such file" in err
    assert "the rerank ended early: model colours cannot be loaded: its server is gone" in err


def test_the_order_asked_for_is_that_of_the_best(run: Run, judge: ColourJudge) -> None:
    _, out, _ = run("search", "red", "--rerank", "9", "--judge", "colours", "-k", "3", "--sort", "newest")
    assert sorted(stem.partition("-")[2] for stem in stems(out)) == ["red"] * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("red", "--budget", "2s"), "say --rerank N as well"),
        (("red", "--rerank", "5", "--budget", "soon"), "no length of time"),
        (("red", "--rerank", "0"), "--rerank"),
    ],
)
def test_mistyped_options_are_told(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = run("search", *arguments)
    assert code == 2
    assert said in err


def test_a_rerank_goes_with_texts_and_folding_and_not_with_batches(
    run: Run, judge: ColourJudge, photos: Path, tmp_path: Path
) -> None:
    (photos / "0-blue.txt").write_text("my favourite", encoding="utf-8")
    assert run("index", photos)[0] == 0
    looking = ("--rerank", "9", "--judge", "colours")
    assert stems(run("search", "favourite", "--texts", *looking, "--budget", "0s")[1])[0] == "0-blue"
    _, out, err = run("search", "red", "--fold", *looking)
    assert (err, len(out.splitlines())) == ("", 3)
    assert out.count("(+2 alike)") == 3
    (tmp_path / "questions").write_text("red\n", encoding="utf-8")
    code, _, err = run("search", "--batch", tmp_path / "questions", *looking)
    assert code == 2
    assert "--rerank take no --batch" in err


def test_a_picture_alone_is_nothing_to_judge(run: Run, photos: Path) -> None:
    code, _, err = run("search", "--like", photos / "0-blue.png", "--rerank", "5")
    assert code == 1
    assert err.count("\n") == 1
    assert "nothing to judge in words" in err


def test_a_real_model_lifts_every_red_picture_and_is_asked_once(
    run: Run, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = pytest.importorskip("photoseek.tests.support.tiny_vlms", reason="needs torch and transformers")
    name = f"llava:{tiny.red_loving_vlm(tmp_path / 'vlm')}"
    from photoseek.rerank.llava import LlavaModel

    _, out, _ = run("search", "something", "--rerank", "9", "--judge", name, "--json")
    answer = json.loads(out)
    assert [Path(one["path"]).stem.partition("-")[2] for one in answer[:3]] == ["red"] * 3
    assert min(one["judged"] for one in answer[:3]) > 0.99
    assert max(one["judged"] for one in answer[3:]) < 0.01

    def refuse(*_arguments: object) -> None:
        raise AssertionError("the model was asked again")

    monkeypatch.setattr(LlavaModel, "judge", refuse)
    assert json.loads(run("search", "something", "--rerank", "9", "--judge", name, "--json")[1]) == answer
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1"), judge=name) as library:
        *_, last = library.refine("something", depth=9)
        assert last.cached_count == 9
        assert [one.hit.image.path.stem.partition("-")[2] for one in last.hits[:3]] == ["red"] * 3


def test_json_and_the_table_say_why_a_hit_was_not_judged(
    run: Run, judge: ColourJudge, photos: Path, tmp_path: Path
) -> None:
    (photos / "0-blue.png").unlink()
    judge.before = failing(after=2)
    table = tmp_path / "hits.csv"
    arguments = ("search", "red", "--rerank", "8", "--judge", "colours", "--json", "--csv", table)
    answer = json.loads(run(*arguments)[1])
    reasons = {Path(one["path"]).name: one["not_judged"] for one in answer}
    assert reasons["0-blue.png"] == "cannot be read: No such file or directory"
    judged = [one for one in answer if one["judged"] is not None]
    assert [one["not_judged"] for one in judged] == [None] * len(judged)
    assert "model colours cannot be loaded: its server is gone; start it" in set(reasons.values())
    [last] = [one for one in answer if one["rank_before"] == 8]
    assert (last["judged"], last["not_judged"]) == (None, None)  # it was not to be judged
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["fused"] for row in rows] == [str(one["fused"]) for one in answer]
    assert [row["judged"] for row in rows] == ["" if one["judged"] is None else str(one["judged"]) for one in answer]
    assert list(rows[0])[:3] == ["score", "fused", "judged"]


def test_a_budget_that_was_over_is_told_of_every_hit_it_left(run: Run, judge: ColourJudge) -> None:
    _, out, _ = run("search", "red", "--rerank", "9", "--judge", "colours", "--budget", "0s", "--json")
    assert {one["not_judged"] for one in json.loads(out)} == {"the budget was over"}
