"""The built-in captioner names, and hedges, what the captions it learned from never show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from photoseek.library.errors import ModelUnavailable
from photoseek.rerank.beam import Written
from photoseek.rerank.mini_captioner import finished
from photoseek.rerank.mini_files import WEIGHTS
from photoseek.rerank.mini_names import Names

CLASSES = [
    {"name": "a dog", "covered": True, "said_by": ["dog", "dogs"]},
    {"name": "a rocket", "covered": False, "said_by": ["rocket", "vehicle"]},
    {"name": "an owl", "covered": False, "said_by": ["bird", "birds", "owl"]},
    {"name": "a finch", "covered": False, "said_by": ["bird", "birds", "finch"]},
]
GROUPS = [{"name": "a bird", "classes": [2, 3]}]


@pytest.fixture
def names(tmp_path: Path) -> Names:
    path = tmp_path / "caption_names.json"
    path.write_text(json.dumps({"classes": CLASSES, "groups": GROUPS}), encoding="utf-8")
    return Names.read(path)


def chosen(names: Names, chances: list[float], *captions: str) -> object:
    ends = [(Written((), -float(place)), caption.split()) for place, caption in enumerate(captions)]
    return names.choose(np.array(chances, np.float32), ends)


def test_a_caption_stands_where_the_picture_shows_what_captions_cover(names: Names) -> None:
    assert chosen(names, [0.9, 0.1, 0, 0], "a man runs") == ["a", "man", "runs"]


def test_a_caption_stands_where_it_says_what_is_seen(names: Names) -> None:
    assert chosen(names, [0.1, 0.0, 0.8, 0.1], "a bird in a tree") == ["a", "bird", "in", "a", "tree"]


def test_the_next_best_caption_is_taken_where_it_alone_says_what_is_seen(names: Names) -> None:
    assert chosen(names, [0.1, 0.0, 0.8, 0.1], "a dog runs", "birds fly") == ["birds", "fly"]


@pytest.mark.parametrize(
    ("chances", "said"),
    [
        ([0.05, 0.9, 0.03, 0.02], "a rocket"),
        ([0.2, 0.6, 0.1, 0.1], "probably a rocket"),
        ([0.1, 0.0, 0.6, 0.3], "a bird, probably an owl"),
        ([0.25, 0.3, 0.28, 0.17], "perhaps a rocket or an owl"),
    ],
)
def test_a_name_takes_the_place_of_captions_that_miss_it_and_hedges_by_its_chance(
    names: Names, chances: list[float], said: str
) -> None:
    assert chosen(names, chances, "a dog runs") == said


@pytest.mark.parametrize(
    ("chances", "said"),
    [
        ([0.05, 0.9, 0.03, 0.02], "火箭"),
        ([0.2, 0.6, 0.1, 0.1], "可能是火箭"),
        ([0.1, 0.0, 0.6, 0.3], "鸟"),
        ([0.25, 0.3, 0.28, 0.17], "也许是火箭或鸟"),
        ([0.3, 0.05, 0.33, 0.32], "也许是鸟"),
    ],
)
def test_chinese_names_hedge_by_the_same_chances(names: Names, tmp_path: Path, chances: list[float], said: str) -> None:
    path = tmp_path / "names.tsv"
    path.write_text("kind\tbird\t鸟\nclass\tdog\t狗\nclass\trocket\t火箭\n", encoding="utf-8")
    assert names.in_chinese(path).hedged(np.array(chances, np.float32)) == said


def test_chinese_names_that_lack_a_thing_are_told_of(names: Names, tmp_path: Path) -> None:
    (tmp_path / "names.tsv").write_text("kind\tbird\t鸟\n", encoding="utf-8")
    with pytest.raises(ModelUnavailable, match=r"names\.tsv cannot be read \('dog'\).*reinstall photoseek"):
        names.in_chinese(tmp_path / "names.tsv")


def test_every_thing_that_can_be_named_has_a_chinese_name() -> None:
    shipped = Names.read(WEIGHTS / "caption_names.json")
    chinese = shipped.in_chinese(Path(__file__).parents[2] / "training" / "caption_names.zh.tsv")
    assert len(chinese.names) == len(shipped.names)
    assert all("\u4e00" <= letter <= "\u9fff" for name in chinese.names for letter in name)


def test_a_caption_that_the_decoder_doubts_gives_way_sooner(names: Names) -> None:
    doubted = [(Written((), -3.0), ["a", "man", "runs"])]
    assert names.choose(np.array([0.6, 0.3, 0.1, 0.0], np.float32), doubted) == "probably a dog"
    assert names.choose(np.array([0.9, 0.1, 0.0, 0.0], np.float32), doubted) == "a dog"
    assert names.choose(np.array([0.6, 0.1, 0.1, 0.0], np.float32), doubted) == ["a", "man", "runs"]


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "caption_names.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelUnavailable, match=r"caption_names\.json cannot be read.*reinstall"):
        Names.read(path)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("a bird in its", "a bird"),
        ("a girl on a bench in front of", "a girl on a bench"),
        ("two dogs run", "two dogs run"),
        ("a", "a"),
    ],
)
def test_a_caption_cut_off_ends_where_it_makes_sense(words: str, kept: str) -> None:
    assert " ".join(finished(words.split())) == kept
