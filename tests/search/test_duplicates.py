"""Duplicates: the same file, the same picture, and where a chain of small steps ends."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import photoseek
from photoseek import DuplicateOptions
from photoseek.library.images.hashes import hash_distance, perceptual_hash
from photoseek.library.types import Hit, ImageRecord
from photoseek.search.duplicates import MIRRORED_BITS, MOST_HASH_BITS, Pair, fold, grouped
from photoseek.tests.support.fakes import ColourEmbedder, paint


def scene(seed: int, size: tuple[int, int] = (96, 80)) -> Image.Image:
    """A smooth picture in many colours, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def names(groups: list[photoseek.DuplicateGroup]) -> list[tuple[str, list[str]]]:
    return [(group.kind, [image.path.name for image in group.images]) for group in groups]


@pytest.fixture
def library(tmp_path: Path) -> photoseek.Library:
    return photoseek.open(tmp_path / "library", model=ColourEmbedder())


def test_the_same_file_and_the_same_picture_are_grouped_best_first(tmp_path: Path, library: photoseek.Library) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    scene(1).save(photos / "one.png")
    scene(1, (192, 160)).save(photos / "large.png")
    ImageOps.mirror(scene(1)).save(photos / "mirrored.png")
    shutil.copy(photos / "one.png", photos / "copy.png")
    os.utime(photos / "copy.png", ns=(0, 0))
    os.utime(photos / "mirrored.png", ns=(10**18, 10**18))
    paint(photos / "red.png", "red")
    paint(photos / "blue.png", "blue")
    shutil.copy(photos / "blue.png", photos / "navy.png")
    os.utime(photos / "navy.png", ns=(0, 0))
    library.index(photos)
    assert names(library.duplicates()) == [
        ("near", ["large.png", "copy.png", "mirrored.png", "one.png"]),
        ("exact", ["navy.png", "blue.png"]),
    ]
    assert names(library.duplicates(DuplicateOptions(near=False))) == [
        ("exact", ["copy.png", "one.png"]),
        ("exact", ["navy.png", "blue.png"]),
    ]


def test_pictures_alike_in_vectors_alone_need_a_higher_score(tmp_path: Path, library: photoseek.Library) -> None:
    paint(tmp_path / "photos/red.png", (255, 0, 0))
    paint(tmp_path / "photos/brick.png", (255, 100, 0))  # cosine 0.93; single colours have no hash to agree
    library.index(tmp_path / "photos")
    assert library.duplicates() == []
    assert len(library.duplicates(DuplicateOptions(sure_score=0.9))) == 1


def test_how_many_images_are_compared_is_told_from_first_to_last(tmp_path: Path, library: photoseek.Library) -> None:
    for number in range(5):
        scene(number).save(paint(tmp_path / f"photos/{number}.png", "red"))
    shutil.copy(tmp_path / "photos/0.png", tmp_path / "photos/copy.png")
    library.index(tmp_path / "photos")
    told: list[tuple[int, int]] = []
    library.duplicates(progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 5), (5, 5)], "of files that are the same, one is compared"
    told.clear()
    library.duplicates(DuplicateOptions(near=False), progress=lambda done, total: told.append((done, total)))
    assert told == []


def test_pictures_that_go_while_all_are_compared_leave_the_others_in_their_groups(
    tmp_path: Path, library: photoseek.Library
) -> None:
    (tmp_path / "photos").mkdir()
    for name, size in {"a": (96, 80), "b": (192, 160), "c": (48, 40)}.items():
        scene(3, size).save(tmp_path / f"photos/{name}.png")
    library.index(tmp_path / "photos")

    def remove_one(_done: int, _total: int) -> None:
        (tmp_path / "photos/b.png").unlink(missing_ok=True)
        library.index(tmp_path / "photos")

    assert names(library.duplicates(progress=remove_one)) == [("near", ["a.png", "c.png"])]


def test_vanished_copies_are_no_duplicates(tmp_path: Path, library: photoseek.Library) -> None:
    one = paint(tmp_path / "photos/one.png", "red")
    shutil.copy(one, tmp_path / "photos/two.png")
    library.index(tmp_path / "photos")
    assert len(library.duplicates()) == 1
    one.unlink()
    library.index(tmp_path / "photos")
    assert library.duplicates() == []


def test_more_copies_than_neighbours_looked_at_make_one_group(tmp_path: Path, library: photoseek.Library) -> None:
    (tmp_path / "photos").mkdir()
    scene(2).save(tmp_path / "photos/00.png")
    for number in range(1, 40):
        shutil.copy(tmp_path / "photos/00.png", tmp_path / f"photos/{number:02}.png")
    scene(2, (48, 40)).save(tmp_path / "photos/small.png")
    library.index(tmp_path / "photos")
    [group] = library.duplicates()
    assert len(group.images) == 41
    assert group.images[-1].path.name == "small.png"


def test_scores_and_bits_that_cannot_be_are_refused() -> None:
    with pytest.raises(photoseek.QueryError, match="no similarity"):
        DuplicateOptions(sure_score=0.0)
    with pytest.raises(photoseek.QueryError, match="no similarity"):
        DuplicateOptions(likely_score=1.5)
    with pytest.raises(photoseek.QueryError, match="from 0 to 64"):
        DuplicateOptions(most_hash_bits=65)


def test_a_mirrored_picture_turns_over_the_bits_that_are_said_to_turn() -> None:
    for seed in range(10):
        upright, mirrored = perceptual_hash(scene(seed)), perceptual_hash(ImageOps.mirror(scene(seed)))
        assert hash_distance(upright ^ MIRRORED_BITS, mirrored) <= MOST_HASH_BITS < hash_distance(upright, mirrored)


@settings(deadline=None)
@given(st.integers(2, 60), st.floats(0.3, 0.95))
def test_a_chain_of_small_steps_is_cut_where_its_ends_are_too_far_apart(length: int, least: float) -> None:
    angles = np.arange(length) * 0.1
    vectors = {number: np.array([np.cos(a), np.sin(a)], dtype=np.float32) for number, a in enumerate(angles)}
    pairs = [Pair(float(np.cos(0.1)), number, number + 1) for number in range(length - 1)]
    groups = grouped(pairs, vectors, least)
    members = [one for group in groups for one in group]
    assert len(members) == len(set(members))
    for group in groups:
        together = np.stack([vectors[one] for one in group])
        assert (together @ together.T).min() >= least
        assert group == list(range(group[0], group[-1] + 1))


def hit(number: int, content: str) -> Hit:
    return Hit(ImageRecord(number, Path(f"/{number}.png"), 1, 0, content, 10, 10, "PNG", 1), 1 - number / 100)


def test_hits_are_folded_under_the_best_that_shows_the_same() -> None:
    hits = [hit(1, "a"), hit(2, "b"), hit(3, "a"), hit(4, "c"), hit(5, "d")]
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.05, 0.99875], [0.7071, 0.7071]], dtype=np.float32)
    stacks = fold(hits, vectors, DuplicateOptions())
    assert [(stack.hit.image.id, [one.image.id for one in stack.duplicates], stack.count) for stack in stacks] == [
        (1, [3], 2),
        (2, [4], 2),
        (5, [], 1),
    ]


def test_nothing_folds_to_nothing_and_a_library_folds_its_own_hits(tmp_path: Path, library: photoseek.Library) -> None:
    one = paint(tmp_path / "photos/one.png", "red")
    shutil.copy(one, tmp_path / "photos/two.png")
    paint(tmp_path / "photos/sea.png", "blue")
    library.index(tmp_path / "photos")
    assert library.fold([]) == []
    assert [(stack.hit.image.path.name, stack.count) for stack in library.fold(library.search("red"))] == [
        ("one.png", 2),
        ("sea.png", 1),
    ]


def test_a_mirrored_picture_is_told_by_its_hash_where_the_vectors_are_not_sure() -> None:
    options = DuplicateOptions()
    one, mirrored, other = (
        perceptual_hash(scene(1)),
        perceptual_hash(ImageOps.mirror(scene(1))),
        perceptual_hash(scene(2)),
    )
    assert hash_distance(one, mirrored) > MOST_HASH_BITS
    first, second = (
        np.array([h % 2**64 for h in row], dtype=np.uint64)
        for row in ((one, mirrored, one, one), (mirrored, one, mirrored, other))
    )
    near = options.are_near(np.array([0.85, 0.85, 0.79, 0.85], dtype=np.float32), first, second)
    assert near.tolist() == [True, True, False, False]
