"""How much a judge may count: learned from labelled queries, kept, heeded, and nothing where it does not help."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import photoseek
from photoseek import EvaluationError, LibraryError
from photoseek.rerank.base import Judgement
from photoseek.rerank.fusion import LearnedWeight, Weights
from photoseek.rerank.fusion_fit import WEIGHTS, JudgedRanking, tuned
from photoseek.tests.rerank.test_rerank_end_to_end import Run, judge, photos, run
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge, failing

__all__ = ["judge", "photos", "run"]


def rankings(quality: float, queries: int, seed: int) -> list[JudgedRanking]:
    """Draw rankings of 30 hits, 5 of them relevant; `quality` is how many deviations part the judge's yes and no."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(queries):
        relevant = np.arange(30) < 5
        first = rng.normal(relevant * 1.0, 1.0)
        best = np.argsort(-first)
        odds = rng.normal(relevant * quality, 1.0)[best]
        said = tuple(Judgement(float(1 / (1 + np.exp(-value)))) for value in odds)
        drawn.append(JudgedRanking(first[best], said, relevant[best], (40, 41)))
    return drawn


def test_a_judge_that_sees_is_heeded() -> None:
    seeing = tuned(rankings(1.5, 80, seed=1), "seeing", 30)
    assert 0.5 <= seeing.weight <= 0.7
    assert seeing.gain.low > 0.05
    assert seeing.second.mean == pytest.approx(seeing.first.mean + seeing.gain.mean)
    assert dict(seeing.by_weight)[0.0] == pytest.approx(seeing.first.mean)


def test_one_that_guesses_is_hardly_heeded_and_one_that_misleads_never() -> None:
    guessing = [tuned(rankings(0.0, 80, seed=seed), "guessing", 30).weight for seed in range(10)]
    assert sum(weight > 0.0 for weight in guessing) <= 2
    assert max(guessing) < 0.3
    assert [tuned(rankings(-1.0, 40, seed=seed), "misled", 30).weight for seed in range(5)] == [0.0] * 5


def test_few_queries_are_no_evidence() -> None:
    assert tuned(rankings(3.0, 9, seed=2), "seeing", 30).weight == 0.0
    only = tuned(rankings(3.0, 1, seed=2), "seeing", 30)
    assert (only.weight, only.gain.mean) == (0.0, 0.0)


def test_the_precision_of_a_fused_order_told_by_hand() -> None:
    ranking = JudgedRanking(
        np.array([2.0, 1.0]), (Judgement(0.1), Judgement(0.9)), np.array([False, True]), ranks_beyond=(4,)
    )
    assert ranking.average_precision(0.0) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ranking.average_precision(1.0) == pytest.approx((1 / 1 + 2 / 4) / 2)
    assert WEIGHTS[0] == 0.0
    assert WEIGHTS[-1] == 1.0


def labelled(tmp_path: Path, photos: Path, *, truly: bool) -> Path:
    """Write queries in capitals, to which the embedder is blind; the judge is right about them `truly`, or wrong."""
    answers = {"RED": "red", "GREEN": "green", "BLUE": "blue"} if truly else {"RED": "blue", "BLUE": "green"}
    rows = [
        {"query": f"{asked} {number}", "relevant": [path.name for path in photos.glob(f"*-{colour}.png")]}
        for number in range(5)
        for asked, colour in answers.items()
    ]
    file = tmp_path / f"queries-{truly}.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return file


def test_what_is_learned_is_kept_and_heeded(run: Run, judge: ColourJudge, tmp_path: Path, photos: Path) -> None:
    queries = labelled(tmp_path, photos, truly=True)
    code, out, err = run("eval", queries, "--rerank", "--judge", "colours")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "colours: 15 queries, their first 50 hits judged"
    assert "search --rerank lets it count so much" in out
    asked = sum(judge.sizes)
    code, out, _ = run("eval", queries, "--rerank", "5", "--judge", "colours", "--json")
    found = json.loads(out)
    assert (found["depth"], found["queries"], sum(judge.sizes)) == (5, 15, asked)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1"), judge=judge) as library:
        assert next(library.refine("red")).weight == found["weight"] > 0


def test_a_judge_that_hurts_is_not_heeded(run: Run, judge: ColourJudge, tmp_path: Path, photos: Path) -> None:
    code, out, _ = run("eval", labelled(tmp_path, photos, truly=False), "--rerank", "--judge", "colours")
    assert code == 0
    assert "weight      0.00  it does not surely help here" in out
    plain = run("search", "RED", "--json")[1]
    again = run("search", "RED", "--rerank", "9", "--judge", "colours", "--json")[1]
    assert [one["path"] for one in json.loads(again)] == [one["path"] for one in json.loads(plain)]


def test_a_judge_that_fails_teaches_nothing(run: Run, judge: ColourJudge, tmp_path: Path, photos: Path) -> None:
    judge.before = failing(after=3)
    code, _, err = run("eval", labelled(tmp_path, photos, truly=True), "--rerank", "--judge", "colours")
    assert code == 1
    assert "the judge failed: model colours cannot be loaded" in err
    assert not list((tmp_path / "library").glob("judge-weights*"))


def test_weights_are_those_of_one_judge_and_one_model(tmp_path: Path) -> None:
    learned = LearnedWeight(0.3, 20, 0.1, 0.05, 0.15)
    Weights(tmp_path / "new", "model").keep("judge", learned)
    Weights(tmp_path / "new", "model").keep("other judge", LearnedWeight(0.0, 1, 0.0, 0.0, 0.0))
    assert Weights(tmp_path / "new", "model").of("judge") == learned
    assert Weights(tmp_path / "new", "other model").of("judge") is None
    assert Weights(tmp_path / "new", "model").of("unknown judge") is None


def test_weights_learned_under_the_files_former_name_still_count(tmp_path: Path) -> None:
    learned = LearnedWeight(0.3, 20, 0.1, 0.05, 0.15)
    Weights(tmp_path, "model").keep("judge", learned)
    (tmp_path / "judge-weights.json").rename(tmp_path / "second-look.json")
    assert Weights(tmp_path, "model").of("judge") == learned
    Weights(tmp_path, "model").keep("other judge", LearnedWeight(0.5, 20, 0.1, 0.05, 0.15))
    assert Weights(tmp_path, "model").of("judge") == learned


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"model": []}', '{"model": {"judge": {"weight": 7.0}}}', '{"model": {"judge": 3}}']
)
def test_a_file_of_weights_that_makes_no_sense_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "judge-weights.json").write_text(text, encoding="utf-8")
    assert Weights(tmp_path, "model").of("judge") is None


def test_weights_that_cannot_be_kept_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="the judge's weight is not kept"):
        Weights(tmp_path / "file", "model").keep("judge", LearnedWeight(0.3, 20, 0.1, 0.05, 0.15))


def test_queries_about_other_pictures_are_told(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "a.png", "red")
    queries = tmp_path / "queries.csv"
    queries.write_text("red,elsewhere.png\n", encoding="utf-8")
    with photoseek.open(tmp_path / "library", model=ColourEmbedder(), judge=ColourJudge()) as library:
        library.index(tmp_path / "photos")
        with pytest.raises(EvaluationError, match="none of the files it names"):
            library.tune(queries)
