"""Zero-shot classification: the user's own labels, with chances that sum to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import photoseek
from photoseek.search.describe import softmax
from photoseek.tests.support.fakes import ColourEmbedder, paint


@pytest.fixture
def library(tmp_path: Path) -> photoseek.Library:
    return photoseek.open(tmp_path / "nowhere", model=ColourEmbedder())


def test_each_picture_gets_every_label_likeliest_first(tmp_path: Path, library: photoseek.Library) -> None:
    red, blue = paint(tmp_path / "red.png", "red"), paint(tmp_path / "blue.png", "blue")
    first, second = library.classify([red, blue], ["blue", "red", "green"])
    assert (first.path, second.path) == (red, blue)
    assert [label.text for label in first.labels] == ["red", "blue", "green"]
    assert second.labels[0].text == "blue"
    assert first.labels[0].probability == pytest.approx(1.0)
    assert sum(label.probability for label in first.labels) == pytest.approx(1.0)
    assert not (tmp_path / "nowhere").exists()


def test_chances_are_the_softmax_of_cosines_times_the_models_scale(tmp_path: Path, library: photoseek.Library) -> None:
    picture = paint(tmp_path / "orange.png", (255, 253, 0))
    red, green = library.classify(picture, ["red", "green"])[0].labels
    cosines = np.array([255, 253]) / np.hypot(255, 253)
    expected = np.exp(100 * cosines) / np.exp(100 * cosines).sum()
    assert (red.text, green.text) == ("red", "green")
    assert [red.probability, green.probability] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "reason"), [(["red"], "nothing to choose"), (["red", " "], "empty"), (["red", "red "], "given twice")]
)
def test_labels_that_leave_no_choice_are_refused(
    tmp_path: Path, library: photoseek.Library, labels: list[str], reason: str
) -> None:
    with pytest.raises(photoseek.QueryError, match=reason):
        library.classify(paint(tmp_path / "red.png", "red"), labels)


def test_a_file_that_cannot_be_read_is_told_of_and_left_out(tmp_path: Path, library: photoseek.Library) -> None:
    bad, red = tmp_path / "bad.png", paint(tmp_path / "red.png", "red")
    bad.write_bytes(b"")
    with pytest.raises(photoseek.ImageUnreadable):
        library.classify([bad, red], ["red", "blue"])
    told: list[photoseek.ImageUnreadable] = []
    answers = library.classify([bad, red], ["red", "blue"], on_unreadable=told.append)
    assert ([one.path for one in answers], [error.path for error in told]) == ([red], [str(bad)])


def test_softmax_bears_large_numbers() -> None:
    assert softmax(np.array([10_000.0, 10_000.0, 0.0])).tolist() == [0.5, 0.5, 0.0]
