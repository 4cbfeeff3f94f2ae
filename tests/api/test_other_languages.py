"""Questions in Chinese, German and two languages at once, asked of mini: found, added up, avoided, classified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

import photoseek
from photoseek import Query, parse_terms

PHOTOGRAPHS = ("chelsea", "coffee", "rocket", "astronaut", "brick", "grass")
CAT, COFFEE, ROCKET = PHOTOGRAPHS[:3]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for name in PHOTOGRAPHS:
        Image.fromarray(getattr(skimage.data, name)()).convert("RGB").save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def library(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[photoseek.Library]:
    with photoseek.open(tmp_path_factory.mktemp("libraries") / "library") as opened:
        assert opened.index(photographs).embedded == len(PHOTOGRAPHS)
        yield opened


def names(library: photoseek.Library, text: str) -> list[str]:
    return [hit.image.path.stem for hit in library.search(Query(parse_terms(text), k=len(PHOTOGRAPHS)))]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("猫", CAT),
        ("一杯咖啡", COFFEE),
        ("火箭发射", ROCKET),
        ("一只 cat", CAT),
        ("coffee 杯子", COFFEE),
        ("ein Kätzchen schaut in die Kamera", CAT),
        ("ракета взлетает", ROCKET),
    ],
)
def test_words_of_any_language_find_their_photograph(library: photoseek.Library, text: str, first: str) -> None:
    assert names(library, text)[0] == first


@pytest.mark.parametrize("text", ["猫 + 咖啡", "猫 ＋ 咖啡", "猫　＋　咖啡", "cat + 咖啡", "猫 + coffee"])
def test_a_sum_of_two_languages_finds_both(library: photoseek.Library, text: str) -> None:
    assert set(names(library, text)[:2]) == {CAT, COFFEE}


@pytest.mark.parametrize(("text", "first"), [("3:猫 + 咖啡", CAT), ("猫 + 3:咖啡", COFFEE), ("猫 ＋ 3：咖啡", COFFEE)])
def test_a_weight_decides_which_comes_first(library: photoseek.Library, text: str, first: str) -> None:
    assert names(library, text)[0] == first


@pytest.mark.parametrize("text", ["猫 + 咖啡 - 猫", "猫 + 咖啡 － 小猫", "cat + coffee - 猫", "猫 + 咖啡 - a cat"])
def test_what_is_avoided_in_one_language_is_avoided_in_all(library: photoseek.Library, text: str) -> None:
    found = names(library, text)
    assert found.index(COFFEE) < found.index(CAT)


@pytest.mark.parametrize(
    "labels",
    [
        ("狗", "猫", "火箭", "咖啡"),
        ("Hund", "eine Katze mit grünen Augen", "eine Rakete", "eine Tasse Kaffee"),
        ("собака", "кошка", "ракета", "кофе"),
        ("dog", "猫", "ракета", "コーヒー"),
    ],
)
def test_pictures_are_classified_by_labels_in_any_language(
    library: photoseek.Library, photographs: Path, labels: tuple[str, ...]
) -> None:
    files = [photographs / f"{name}.png" for name in (CAT, ROCKET, COFFEE)]
    found = [one.labels[0].text for one in library.classify(files, labels)]
    assert found == [labels[1], labels[2], labels[3]]


def test_labels_of_a_picture_come_in_chinese(library: photoseek.Library, photographs: Path) -> None:
    labels = [label.text for label in library.describe(photographs / f"{CAT}.png", language="zh", k=5)]
    assert any("猫" in label for label in labels)
    assert all(label.isascii() is False for label in labels)


def test_what_no_photograph_shows_is_answered_with_fewer_in_chinese_too(library: photoseek.Library) -> None:
    def count(text: str) -> int:
        return len(library.search(Query(parse_terms(text), k=len(PHOTOGRAPHS), threshold="auto")))

    assert count("猫") >= 1
    assert count("踢足球的孩子们") <= count("猫")
