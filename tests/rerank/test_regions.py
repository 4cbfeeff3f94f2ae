"""Judging by parts of pictures: where the squares lie, and what they find that the whole hides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import photoseek
from photoseek import Library
from photoseek.library.embedders.base import normalized
from photoseek.rerank.base import Box
from photoseek.rerank.regions import RegionsJudge, Windows, boxes_in, pixels_of
from photoseek.search.calibration import Calibration, Curve
from photoseek.search.texts import TextVectors
from photoseek.tests.support.fakes import COLOURS, ColourEmbedder, paint

SIDES = st.integers(1, 3000)
SIZES = st.lists(st.builds(Windows, st.sampled_from([1.0, 2 / 3, 0.5, 1 / 3, 0.25]), st.integers(1, 4)), min_size=1)


@given(SIDES, SIDES, SIZES)
def test_squares_lie_inside_the_picture(width: int, height: int, sizes: list[Windows]) -> None:
    for box in boxes_in(width, height, tuple(sizes)):
        assert 0 <= box.left < box.right <= 1 + 1e-9
        assert 0 <= box.top < box.bottom <= 1 + 1e-9
        assert (box.right - box.left) * width == pytest.approx((box.bottom - box.top) * height)
        left, top, right, bottom = pixels_of(box, width, height)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_squares_leave_no_gap_along_the_longer_side() -> None:
    lefts = sorted({(box.left, box.right) for box in boxes_in(300, 100, (Windows(0.5, 2),))})
    assert [left for left, _ in lefts] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert len(boxes_in(90, 90, (Windows(1.0, 1), Windows(1 / 2, 3), Windows(1 / 3, 3)))) == 19
    assert len(boxes_in(100_000, 10, (Windows(1.0, 1),))) == 8


@pytest.fixture
def embedder() -> ColourEmbedder:
    return ColourEmbedder()


@pytest.fixture
def library(tmp_path: Path, embedder: ColourEmbedder) -> Iterator[Library]:
    """Blue, green and reddish pictures, and a large blue one with a small red square in a corner."""
    photos = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for number in range(40):
        shade = tuple(int(value) for value in rng.integers((0, 150, 150), (90, 255, 255)))
        paint(photos / f"{number:02}.png", (shade[0], shade[1], shade[2]), size=(90, 90))
    corner = Image.new("RGB", (360, 240), COLOURS["blue"])
    corner.paste(COLOURS["red"], (270, 150, 350, 230))
    corner.save(photos / "corner.png")
    with photoseek.open(tmp_path / "library", model=embedder) as opened:
        opened.index(photos)
        yield opened


def test_a_small_thing_in_a_corner_is_found_and_shown(library: Library) -> None:
    first, *_, last = library.refine("red")
    assert library.judge_spec.name == "regions, colours"
    assert first.hits[0].hit.image.path.name != "corner.png"
    best = last.hits[0]
    assert best.hit.image.path.name == "corner.png"
    assert best.judgement is not None
    box = best.judgement.box
    assert box is not None
    centre_x, centre_y = (box.left + box.right) / 2 * 360, (box.top + box.bottom) / 2 * 240
    assert 250 < centre_x < 360
    assert 130 < centre_y < 240
    assert box.right - box.left <= 0.5


def test_parts_are_embedded_once_for_all_queries(library: Library, embedder: ColourEmbedder) -> None:
    list(library.refine("red", depth=5))
    embedded = embedder.images_embedded
    list(library.refine("red", depth=5))
    list(library.refine("blue", depth=41))
    after = embedder.images_embedded
    assert embedded < after
    list(library.refine("green", depth=41))
    assert embedder.images_embedded == after


def test_a_library_that_changed_much_is_judged_anew(library: Library, tmp_path: Path) -> None:
    spec = library.judge_spec
    for number in range(30):
        paint(tmp_path / "more" / f"{number}.png", (number, 255 - number, 9))
    library.index(tmp_path / "more")
    again = library.judge_spec
    assert again.key == spec.key
    assert again.prompt_version != spec.prompt_version


def test_a_best_part_is_compared_with_other_texts_best_parts() -> None:
    rng = np.random.default_rng(1)
    embedder = ColourEmbedder()
    neutral = normalized(rng.normal(size=(60, 3)).astype(np.float32))
    sample = normalized((1.0 + 0.3 * rng.normal(size=(200, 3))).astype(np.float32))
    judge = RegionsJudge(
        embedder, TextVectors(embedder), lambda: Calibration(sample, neutral, Curve(1.0, 2.0)), (Windows(0.5, 2),)
    )
    picture = Image.new("RGB", (16, 16), (90, 120, 200))
    picture.paste((200, 20, 20), (8, 0, 16, 8))
    said = judge.judge([picture], "red")[0]
    assert said.box == Box(0.5, 0.0, 1.0, 0.5)
    parts = normalized(np.array([[90, 120, 200], [200, 20, 20]], dtype=np.float32))
    own = len(sample) / (len(sample) + 30)
    usual = (sample @ neutral.T).astype(np.float64)

    others = ((parts @ neutral.T) - (own * usual.mean(axis=0) + (1 - own) * usual.mean())) / (
        own * usual.std(axis=0) + (1 - own) * usual.std()
    )
    red = np.array([1.0, 0.0, 0.0])
    calibration = Calibration(sample, neutral, Curve())
    background = calibration.background(red.astype(np.float32))
    best = ((parts @ red) - background.mean).max() / background.deviation
    bests = others.max(axis=0)
    assert bests.std() > 1.0
    evidence = (best - bests.mean()) / bests.std()
    assert said.probability == pytest.approx(1 / (1 + np.exp(-2.0 * (evidence - 1.0))), abs=1e-3)
