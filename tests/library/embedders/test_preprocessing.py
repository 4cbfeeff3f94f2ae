"""Our preprocessing against open_clip's own transforms, pixel by pixel."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from photoseek.library.embedders.preprocessing import RESIZE_MODES, Preprocessing
from photoseek.library.types import Pixels

MEAN, STD = (0.48, 0.45, 0.4), (0.27, 0.26, 0.28)
SIZES = [(64, 64), (65, 64), (300, 200), (200, 301), (31, 17), (640, 9), (7, 512), (63, 1), (128, 129), (1, 1)]


def noise(width: int, height: int) -> Image.Image:
    generator = np.random.default_rng(width * 10_007 + height)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def theirs(image: Image.Image, wanted: Preprocessing) -> Pixels:
    transform = pytest.importorskip("open_clip", reason="open_clip is not installed: pip install 'photoseek[clip]'")
    steps = transform.image_transform(
        wanted.size,
        is_train=False,
        resize_mode=wanted.resize_mode,
        interpolation=wanted.interpolation,
        fill_color=wanted.fill_color,
    ).transforms
    for step in steps[:-2]:  # up to the tensor
        image = step(image)
    return np.asarray(image)


@pytest.mark.parametrize("resize_mode", RESIZE_MODES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "random"])
@pytest.mark.parametrize("size", [64, 45])
def test_every_pixel_is_that_of_open_clip(resize_mode: str, interpolation: str, size: int) -> None:
    ours = Preprocessing(size, MEAN, STD, interpolation, resize_mode, fill_color=40)
    for width, height in SIZES:
        if resize_mode == "longest" and min(width, height) * size < max(width, height):
            continue  # open_clip fails where a side rounds to nothing
        image = noise(width, height)
        np.testing.assert_array_equal(ours(image), theirs(image, ours), err_msg=f"{width} x {height}")


@pytest.mark.parametrize("resize_mode", RESIZE_MODES)
def test_a_line_of_pixels_still_fills_the_input(resize_mode: str) -> None:
    assert Preprocessing(64, MEAN, STD, resize_mode=resize_mode)(noise(2_000, 1)).shape == (64, 64, 3)


def test_filled_with_the_colour_asked_for() -> None:
    pixels = Preprocessing(64, MEAN, STD, resize_mode="longest", fill_color=40)(noise(128, 32))
    assert (pixels[0] == 40).all()
    assert (pixels[-1] == 40).all()
    assert (pixels[32] != 40).any()


def test_a_copy_sent_to_another_process_is_the_same() -> None:
    ours = Preprocessing(64, MEAN, STD, "bilinear", "squash", 3)
    copy = pickle.loads(pickle.dumps(ours))
    assert copy == ours
    np.testing.assert_array_equal(copy(noise(90, 70)), ours(noise(90, 70)))


@pytest.mark.parametrize("name", ["", "lanczos"])
def test_a_name_of_no_meaning_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="resize mode"):
        Preprocessing(64, MEAN, STD, resize_mode=name)
    with pytest.raises(ValueError, match="interpolation"):
        Preprocessing(64, MEAN, STD, interpolation=name)
