"""Image to text: the nearest labels of a vocabulary, whose vectors are computed once and never trusted blindly."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import photoseek
from photoseek import Label
from photoseek.library.checked_files import read_checked, write_checked
from photoseek.library.types import Vectors
from photoseek.search.describe import Describer, Vocabulary
from photoseek.tests.support.fakes import ColourEmbedder, paint

VOCABULARY = Vocabulary(("red", "green", "blue", "red and green", "green and blue"))


class Counting(ColourEmbedder):
    """Counts the texts put through it."""

    def __init__(self, key: str = "colours@1") -> None:
        super().__init__(key)
        self.texts_embedded = 0

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts_embedded += len(texts)
        return super().embed_texts(texts)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return paint(tmp_path / "picture.png", "red")


def labels(cache: Path, picture: Path, embedder: ColourEmbedder | None = None, k: int = 2) -> list[Label]:
    return Describer(embedder or ColourEmbedder(), VOCABULARY, cache).describe(picture, k)


def test_the_nearest_labels_come_best_first(tmp_path: Path, picture: Path) -> None:
    best, second = labels(tmp_path / "cache", picture)
    assert best == Label("red", 1.0)
    assert second.text == "red and green"
    assert second.score == pytest.approx(0.7071, abs=1e-4)


def test_equal_labels_come_in_the_order_of_the_vocabulary_and_all_when_k_is_larger(
    tmp_path: Path, picture: Path
) -> None:
    assert [label.text for label in labels(tmp_path, picture, k=99)] == [
        "red",
        "red and green",
        "green",
        "blue",
        "green and blue",
    ]


def test_fewer_than_one_label_cannot_be_asked_for(tmp_path: Path, picture: Path) -> None:
    with pytest.raises(photoseek.QueryError, match="0 labels were asked for"):
        labels(tmp_path, picture, k=0)


def test_a_file_that_is_no_picture_says_why(tmp_path: Path) -> None:
    embedder = Counting()
    with pytest.raises(photoseek.ImageUnreadable, match="No such file"):
        labels(tmp_path, tmp_path / "gone.png", embedder)
    assert embedder.texts_embedded == 0


def test_the_labels_are_embedded_once_for_each_model(tmp_path: Path, picture: Path) -> None:
    first, second, other = Counting(), Counting(), Counting("shades@1")
    for embedder in (first, second, other):
        assert labels(tmp_path, picture, embedder)[0].text == "red"
    assert (first.texts_embedded, second.texts_embedded, other.texts_embedded) == (5, 0, 5)


@pytest.mark.parametrize("spoil", ["truncated", "emptied", "flipped", "lengthened", "unsummed"])
def test_a_damaged_cache_is_computed_again(tmp_path: Path, picture: Path, spoil: str) -> None:
    expected = labels(tmp_path / "cache", picture)
    [file] = (tmp_path / "cache").iterdir()
    if spoil == "truncated":
        file.write_bytes(file.read_bytes()[:-7])
    elif spoil == "emptied":
        file.write_bytes(b"")
    elif spoil == "flipped":  # one bit, of an exponent: a score of 3,586,230,768,000
        data = bytearray(file.read_bytes())
        data[3] ^= 0x40
        file.write_bytes(data)
    elif spoil == "lengthened":
        with write_checked(file) as stream:
            stream.write(bytes(4 * 5 * 3 + 4))
    else:
        file.write_bytes(np.ones((5, 3), dtype=np.float32).tobytes())
    embedder = Counting()
    assert labels(tmp_path / "cache", picture, embedder) == expected
    assert embedder.texts_embedded == 5
    assert labels(tmp_path / "cache", picture, embedder) == expected
    assert embedder.texts_embedded == 5
    assert list((tmp_path / "cache").iterdir()) == [file]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, picture: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with caplog.at_level(logging.INFO, "photoseek.search.describe"):
        assert labels(tmp_path / "cache", picture)[0].text == "red"
    assert "are not kept" in caplog.text


def test_a_disk_that_fills_leaves_no_half_file(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_content: memoryview) -> bytes:
        raise OSError(28, "No space left on device")  # when the vectors are written, and their checksum is not

    monkeypatch.setattr("photoseek.library.checked_files._end", full)
    assert labels(tmp_path / "cache", picture)[0].text == "red"
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_vocabulary_has_another_fingerprint() -> None:
    assert len({Vocabulary(words).fingerprint for words in [("a", "b"), ("b", "a"), ("a",), ("ab",)]}) == 4


def test_imagenets_names_are_a_thousand_or_a_little_less_and_all_different() -> None:
    names = Vocabulary.imagenet().labels
    assert 990 <= len(names) == len(set(names)) <= 1000
    assert all(name.strip() == name and name for name in names)


def test_describing_needs_no_library(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(Vocabulary, "nouns", lambda: VOCABULARY)
    with photoseek.open(tmp_path / "nowhere", model=ColourEmbedder()) as library:
        assert library.describe(picture, k=1) == [Label("red", 1.0)]
    assert not (tmp_path / "nowhere").exists()


def test_the_nouns_are_twelve_thousand_all_different_and_clean() -> None:
    names = Vocabulary.nouns().labels
    assert len(names) == 12_000 == len({name.lower() for name in names})
    assert all(" ".join(name.split()) == name and len(name) > 2 for name in names)
    assert {"cat", "espresso", "astronaut", "rocket", "beach", "sunset", "bridge", "pizza"} <= set(names)
    assert not {"short", "thing", "freedom", "genus Abies", "sodium chloride"} & set(names)


def test_a_vocabulary_is_chosen_by_name() -> None:
    assert Vocabulary.named("imagenet") == Vocabulary.imagenet()
    assert Vocabulary.named("nouns") == Vocabulary.nouns()
    with pytest.raises(photoseek.QueryError, match="choose nouns or imagenet"):
        Vocabulary.named("verbs")


def test_progress_is_told_only_while_labels_are_embedded(tmp_path: Path, picture: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        Describer(ColourEmbedder(), VOCABULARY, tmp_path, lambda done, total: told.append((done, total))).describe(
            picture, 1
        )
    assert told == [(5, 5)]


def test_processes_that_start_together_leave_one_whole_file(tmp_path: Path, picture: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: labels(tmp_path, picture), range(8)))
    assert all(answer == answers[0] for answer in answers)
    [file] = tmp_path.glob("labels-*")
    assert len(read_checked(file) or b"") == 4 * 5 * 3


@pytest.mark.parametrize(
    ("language", "dog"),
    [
        ("zh", "狗"),
        ("zh-hant", "狗"),
        ("ZH_cn", "狗"),
        ("de", "Hund"),
        ("pt-BR", "cachorro"),
        ("ja", "イヌ"),
        ("en", "dog"),
    ],
)
def test_things_are_named_in_many_languages(language: str, dog: str) -> None:
    vocabulary = Vocabulary.in_language(language)
    assert vocabulary.shown is not None
    assert dict(zip(vocabulary.labels, vocabulary.shown, strict=True))["dog"] == dog
    assert len(vocabulary.labels) > 700


def test_traditional_characters_are_those_of_taiwan_and_hong_kong() -> None:
    vocabulary = Vocabulary.in_language("zh-TW")
    assert vocabulary == Vocabulary.in_language("zh-hant")
    assert vocabulary != Vocabulary.in_language("zh")


def test_a_language_without_names_is_an_error_that_lists_those_with() -> None:
    with pytest.raises(photoseek.QueryError, match=r"no names are known in 'xx': choose one of bn, da, de, en"):
        Vocabulary.in_language("xx")


def test_the_model_reads_the_english_label_and_the_user_the_other(tmp_path: Path, picture: Path) -> None:
    vocabulary = Vocabulary(("green", "red"), ("绿色", "红色"))
    best = Describer(ColourEmbedder(), vocabulary, tmp_path / "cache").describe(picture, 1)
    assert best == [Label("红色", 1.0)]


def test_labels_come_in_the_language_that_was_asked_for(tmp_path: Path, picture: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library:
        chinese = library.describe(picture, k=900, language="zh")
        english = library.describe(picture, k=900, language="en")
    assert [label.score for label in chinese] == [label.score for label in english]
    assert {"狗", "自行车"} <= {label.text for label in chinese}
