"""Evaluation: measures against scikit-learn's on the same rankings, formats, intervals, and a library's figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

import photoseek
from photoseek import EvaluationError, Library
from photoseek.search.evaluate import Evaluation, RankedQueries, ranks_of
from photoseek.search.labelled_queries import LabelledQuery, read_labelled_queries
from photoseek.search.metrics import (
    MEASURES,
    RECALL_LEVELS,
    average_precision,
    hit_at,
    interval,
    ndcg_at,
    precision_at,
    precision_curve,
    recall_at,
    recall_curve,
    resampled_means,
)
from photoseek.tests.support.fakes import ColourEmbedder, paint

RANKINGS = st.integers(2, 60).flatmap(
    lambda n: st.tuples(st.permutations(range(n)), st.sets(st.integers(0, n - 1), min_size=1))
)


@given(RANKINGS)
def test_measures_agree_with_scikit_learn(ranking: tuple[list[int], set[int]]) -> None:
    order, relevant = ranking
    scores = np.array(order, dtype=np.float32)
    truth = np.isin(np.arange(len(order)), list(relevant))
    ranks = ranks_of(scores, np.array(sorted(relevant)))
    assert average_precision(ranks) == pytest.approx(average_precision_score(truth, scores))
    assert ndcg_at(ranks, 10) == pytest.approx(ndcg_score(truth[np.newaxis], scores[np.newaxis], k=10))


@given(RANKINGS)
def test_curves_agree_with_the_measures_at_their_points(ranking: tuple[list[int], set[int]]) -> None:
    order, relevant = ranking
    ranks = ranks_of(np.array(order, dtype=np.float32), np.array(sorted(relevant)))
    assert recall_curve(ranks, 60).tolist() == pytest.approx([recall_at(ranks, k) for k in range(1, 61)])
    points = [(recall_at(ranks, k), (ranks <= k).sum() / k) for k in range(1, len(order) + 1)]
    best = [max(precision for recall, precision in points if recall >= level - 1e-9) for level in RECALL_LEVELS]
    assert precision_curve(ranks).tolist() == pytest.approx(best)


def test_curves_where_nothing_is_relevant_are_zero() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert not precision_curve(nothing).any()
    assert not recall_curve(nothing, 5).any()


def test_measures_told_by_hand() -> None:
    ranks = np.array([2, 3, 12])
    assert average_precision(ranks) == pytest.approx((1 / 2 + 2 / 3 + 3 / 12) / 3)
    assert [recall_at(ranks, k) for k in (1, 2, 3, 12)] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert [hit_at(ranks, k) for k in (1, 2)] == [0, 1]
    assert [precision_at(ranks, k) for k in (1, 2, 10)] == pytest.approx([0, 1 / 2, 2 / 3])
    nothing = np.array([], dtype=np.int64)
    assert {name: measure(nothing) for name, measure in MEASURES.items()} == dict.fromkeys(MEASURES, 0.0)


def test_equal_scores_are_ranked_in_their_order() -> None:
    assert ranks_of(np.array([0.5, 0.9, 0.5, 0.5], dtype=np.float32), np.array([3, 0])).tolist() == [2, 4]


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        low, high = interval(rng.random(60))
        covered += low <= 0.5 <= high
    assert 180 <= covered <= 200


def test_intervals_are_the_same_every_time_and_means_those_of_the_values() -> None:
    values = np.random.default_rng(2).random(50)
    assert interval(values) == interval(values)
    assert len(resampled_means(values)) == 2000
    assert resampled_means(values).mean() == pytest.approx(values.mean(), abs=0.01)
    assert interval(np.ones(1)) == (1.0, 1.0)


def evaluation(values: list[int], name: str = "a") -> Evaluation:
    asked = RankedQueries("text to image", "all", tuple("abcdefgh"), tuple(np.array([rank]) for rank in values))
    return Evaluation(name, 8, 0, 0, (asked,))


def test_two_models_are_compared_question_by_question() -> None:
    old, new = evaluation([2, 2, 2, 2, 2, 2, 2, 4]), evaluation([1, 1, 1, 1, 1, 1, 1, 4])
    [gain] = [one for one in old.compared_with(new) if one.measure == "mAP"]
    assert gain.mean == pytest.approx(7 / 16)
    assert 0 < gain.low <= gain.mean <= gain.high <= 0.5
    assert gain.worse_share == 0
    same = old.compared_with(old)
    assert {(one.mean, one.low, one.high, one.worse_share) for one in same} == {(0.0, 0.0, 0.0, 1.0)}
    with pytest.raises(ValueError, match="different questions"):
        old.compared_with(Evaluation("b", 8, 0, 0, (RankedQueries("image to text", "all", ("a",), (np.array([1]),)),)))


# Formats


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_json_lines_are_read(tmp_path: Path) -> None:
    rows = [{"query": "a puppy", "kind": "phrase", "relevant": ["a.jpg", "b.jpg"]}, {"query": "sea", "relevant": []}]
    file = write(tmp_path / "queries.jsonl", "\n\n".join(map(json.dumps, rows)) + "\n")
    assert read_labelled_queries(file) == [
        LabelledQuery("a puppy", "phrase", frozenset({"a.jpg", "b.jpg"})),
        LabelledQuery("sea", "query", frozenset()),
    ]


def test_coco_captions_are_read_and_equal_captions_joined(tmp_path: Path) -> None:
    coco = {
        "info": {},
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 9, "caption": "A dog. "},
            {"id": 2, "image_id": 7, "caption": "A dog."},
            {"id": 3, "image_id": 7, "caption": "A puppy."},
        ],
    }
    assert read_labelled_queries(write(tmp_path / "captions.json", json.dumps(coco))) == [
        LabelledQuery("A dog.", "caption", frozenset({"a.jpg", "b.jpg"})),
        LabelledQuery("A puppy.", "caption", frozenset({"a.jpg"})),
    ]


@pytest.mark.parametrize("head", ["", "text,path\n", "\ufeffText, Path\n"])
def test_csv_is_read_with_and_without_a_head(tmp_path: Path, head: str) -> None:
    file = write(tmp_path / "pairs.csv", head + '"a dog, running",x/a.jpg\n\nsea,b.jpg\n"a dog, running",c.jpg\n')
    assert read_labelled_queries(file) == [
        LabelledQuery("a dog, running", "text", frozenset({"x/a.jpg", "c.jpg"})),
        LabelledQuery("sea", "text", frozenset({"b.jpg"})),
    ]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", '{"query": "x", "relevant": ["a"]}\n{"query"', "line 2 is not JSON"),
        ("a.jsonl", '{"query": 3, "relevant": []}', "line 1 is not of the form"),
        ("a.jsonl", '{"query": "x", "relevant": [3]}', "line 1 is not of the form"),
        ("a.jsonl", '{"query": " ", "relevant": ["a"]}', "line 1 has an empty text"),
        ("a.jsonl", "", "holds no labelled query"),
        ("a.json", "[]", "not of COCO's form"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}', "lacks 1"),
        ("a.json", '{"images": [{}], "annotations": []}', "lacks 'id'"),
        ("a.csv", "a,b,c\n", "row 1 has 3 cells"),
        ("a.csv", '"a', "unexpected end"),
        ("a.csv", "a,\n", "empty"),
        ("a.txt", "a", "a .jsonl of query, kind and relevant"),
    ],
)
def test_a_file_that_makes_no_sense_says_where(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        read_labelled_queries(write(tmp_path / name, text))
    assert reason in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_file_that_is_not_there_or_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("none.jsonl", "bytes.csv"):
        with pytest.raises(EvaluationError, match="cannot be read"):
            read_labelled_queries(tmp_path / name)


# Libraries


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name, colour in {"a/red": "red", "b/red": "red", "a/green": "green", "a/blue": "blue"}.items():
        paint(tmp_path / "photos" / f"{name}.png", colour)
    (tmp_path / "photos" / "a" / "violet.png").parent.mkdir(exist_ok=True)
    paint(tmp_path / "photos" / "a" / "violet.png", (255, 0, 255))
    library = photoseek.open(tmp_path / "library", model=ColourEmbedder())
    library.index(tmp_path / "photos")
    return library


def figures(found: Evaluation) -> dict[tuple[str, str, str], float]:
    return {(one.direction, one.kind, one.measure): one.mean for one in found.figures()}


def test_a_library_is_evaluated_in_both_directions(library: Library, tmp_path: Path) -> None:
    rows = [
        {"query": "red", "kind": "good", "relevant": ["red.png"]},
        {"query": "green", "kind": "bad", "relevant": ["a/violet.png", "gone.png"]},
        {"query": "blue", "kind": "bad", "relevant": ["gone.png"]},
    ]
    found = library.evaluate(write(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows))))
    assert (found.images, found.unanswerable, found.unknown_files) == (5, 1, 1)
    means = figures(found)
    assert means["text to image", "good", "mAP"] == means["text to image", "good", "recall@5"] == 1.0
    assert means["text to image", "good", "recall@1"] == 0.5
    # Green is nearest to green.png; the others tie at zero and come by id, as their paths do: blue, red, violet, red.
    assert means["text to image", "bad", "mAP"] == pytest.approx(1 / 4)
    # Both red pictures have their text first, the violet one its (wrong) text second.
    assert means["image to text", "image", "mAP"] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_files_are_named_by_the_end_of_their_paths(library: Library, tmp_path: Path) -> None:
    def hits_of(name: str) -> float:
        file = write(tmp_path / "q.csv", f"red,{name}\n")
        return figures(library.evaluate(file))["text to image", "text", "recall@1"]

    assert [hits_of(name) for name in ("red.png", "a/red.png", "./a/red.png", str(tmp_path / "photos/b/red.png"))] == [
        0.5,
        1.0,
        1.0,
        0.0,
    ]
    with pytest.raises(EvaluationError, match="none of the files"):
        hits_of("c/red.png")
    with pytest.raises(EvaluationError, match="none of the files"):
        hits_of("ed.png")


def test_a_model_is_measured_on_what_it_has_embedded(library: Library, tmp_path: Path) -> None:
    with photoseek.open(library.folder, model=ColourEmbedder("others@1")) as other:
        other.index(tmp_path / "photos" / "a" / "green.png")
        other.index(tmp_path / "photos" / "b")
        rows = [
            {"query": "red", "relevant": ["red.png"]},
            {"query": "blue", "relevant": ["blue.png"]},
            {"query": "green", "relevant": ["green.png"]},
        ]
        found = other.evaluate(write(tmp_path / "q.jsonl", "\n".join(map(json.dumps, rows))))
    assert (found.model, found.images, found.unanswerable, found.unknown_files) == ("others", 2, 1, 1)
    assert [len(one.ranks) for one in found.asked if one.direction == "text to image"] == [2]
    assert [ranks.tolist() for one in found.asked for ranks in one.ranks] == [[1]] * 4
    assert library.evaluate(tmp_path / "q.jsonl").images == 5
