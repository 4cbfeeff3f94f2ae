"""From a picture to a model's input, as open_clip's own transforms make it, without torch: a value that pickles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..types import Pixels

if TYPE_CHECKING:
    from PIL import Image

RESIZE_MODES = ("shortest", "longest", "squash")

_FILTERS = {
    "bicubic": "BICUBIC",
    "bilinear": "BILINEAR",
    "random": "BICUBIC",  # what open_clip takes for inference where training drew one at random
}
"""Names of Pillow's filters, since a search for words does without Pillow."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an RGB picture becomes a square input of `size` pixels a side; call it with the picture.

    `resize_mode` is `shortest` (the shorter side to `size`, then the middle), `longest` (the longer side to
    `size`, the rest filled with `fill_color`, 0-255) or `squash` (both sides to `size`). `mean` and `std` are the
    colours' on the scale of 0 to 1; what runs the model applies them.

    Raises:
        ValueError: a resize mode or an interpolation of another name.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    def __post_init__(self) -> None:
        if self.resize_mode not in RESIZE_MODES:
            message = f"resize mode {self.resize_mode!r} is none of {', '.join(RESIZE_MODES)}"
            raise ValueError(message)
        if self.interpolation not in _FILTERS:
            message = f"interpolation {self.interpolation!r} is none of {', '.join(_FILTERS)}"
            raise ValueError(message)

    def __call__(self, image: Image.Image) -> Pixels:
        """Return (size, size, 3) uint8; thread-safe."""
        resized = _resized(image, self._size_of(image), _FILTERS[self.interpolation])
        if resized.size != (self.size, self.size):
            resized = self._middle(resized)
        return np.array(resized, dtype=np.uint8)

    def _size_of(self, image: Image.Image) -> tuple[int, int]:
        """Return the width and height before the crop, rounded as torchvision and open_clip round them."""
        if self.resize_mode == "squash":
            return self.size, self.size
        if self.resize_mode == "longest":
            ratio = max(image.size) / self.size
            return max(1, round(image.width / ratio)), max(1, round(image.height / ratio))
        longer = int(self.size * max(image.size) / min(image.size))
        return (self.size, longer) if image.width <= image.height else (longer, self.size)

    def _middle(self, image: Image.Image) -> Image.Image:
        """Cut out the middle, and fill around a picture that is too small."""
        left, top = (_offset(side, self.size) for side in image.size)
        if min(image.size) >= self.size:
            return image.crop((left, top, left + self.size, top + self.size))
        from PIL import Image

        canvas = Image.new("RGB", (self.size, self.size), (self.fill_color,) * 3)
        canvas.paste(image, (-left, -top))
        return canvas


def _resized(image: Image.Image, size: tuple[int, int], resampling: str) -> Image.Image:
    from PIL.Image import Resampling

    return image if image.size == size else image.resize(size, Resampling[resampling])


def _offset(side: int, wanted: int) -> int:
    """Return where the middle begins: below 0 where the picture is the smaller of the two."""
    surplus = side - wanted
    return round(surplus / 2) if surplus >= 0 else -(-surplus // 2)
