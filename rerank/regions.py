"""A judge that needs no model beyond the library's own: the embedder looks at overlapping squares of each image.

A model that sees a picture whole sees little of what is small in it. Here overlapping squares are embedded as pictures
of their own, and the one nearest to the query speaks for the picture, and says where.

The best of many squares lies nearer to any text than a picture does. So its score is compared with what the best
squares of the same picture reach for neutral texts, each of which may choose its own: a busy picture offers more to
every text alike. The evidence becomes a probability by the library's own curve (calibration.py).
benchmarks/regions.py measures which squares are worth their time.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from ..library.embedders.base import Embedder
from ..library.types import Vectors
from ..search.calibration import LEAST_DEVIATION, PRIOR_IMAGES, Calibration, Values
from ..search.texts import TextVectors
from .base import Box, Judgement, JudgeSpec

if TYPE_CHECKING:
    from PIL import Image

MOST_ALONG: Final = 8
"""Squares of one size along one side of a picture, however long it is: a panorama is no reason to look a day."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Squares of one size: `share` of the picture's shorter side, at least `steps` of them along each side."""

    share: float
    steps: int


def boxes_in(width: int, height: int, sizes: tuple[Windows, ...]) -> list[Box]:
    """Lay squares of these sizes over a picture of `width` x `height` pixels, those of a size row by row.

    They are evenly spread from edge to edge. Where `steps` of them would leave gaps along the longer side, there are as
    many more as it takes, MOST_ALONG at most.
    """
    return [
        Box(left / width, top / height, (left + side) / width, (top + side) / height)
        for size in sizes
        for side in [size.share * min(width, height)]
        for top in _starts(height, side, size.steps)
        for left in _starts(width, side, size.steps)
    ]


def pixels_of(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the box's edges in pixels of a picture, as Pillow's `crop` wants them; never empty."""
    left, top = min(round(box.left * width), width - 1), min(round(box.top * height), height - 1)
    return left, top, max(round(box.right * width), left + 1), max(round(box.bottom * height), top + 1)


def _starts(length: int, side: float, steps: int) -> list[float]:
    room = length - side
    if room < _LEAST_ROOM:
        return [0.0]
    count = max(steps, min(math.ceil(room / side - _LEAST_ROOM) + 1, MOST_ALONG))
    return [room * step / (count - 1) for step in range(count)] if count > 1 else [room / 2.0]


_LEAST_ROOM: Final = 1e-9


WINDOWS: Final = (Windows(1.0, 1), Windows(1 / 2, 3), Windows(1 / 3, 3))
"""The squares looked at, by benchmarks/regions.py: of a square picture itself, nine halves and nine thirds."""

USUAL_WEIGHT: Final = 0.5
"""More finds more in mosaics and spoils plain photographs; see docs/rerank.md."""

_VERSION: Final = "1"
_AT_ONCE: Final = 16

KEPT_IMAGES: Final = 2_000
"""Pictures whose squares' vectors are remembered: 50 MB at 512 dimensions."""


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """A picture's squares: their boxes and (m, dim) vectors, float16."""

    boxes: tuple[Box, ...]
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float16]]


@dataclass(frozen=True, slots=True, eq=False)
class _Background:
    """What squares are compared with: (t, dim) neutral texts, and how each scores among the library's pictures."""

    calibration: Calibration
    means: Values
    deviations: Values
    version: str

    @classmethod
    def of(cls, calibration: Calibration) -> _Background:
        scores = (calibration.sample @ calibration.neutral.T).astype(np.float64)
        own = len(scores) / (len(scores) + PRIOR_IMAGES)
        means = own * scores.mean(axis=0) + (1.0 - own) * scores.mean()
        deviations = own * scores.std(axis=0) + (1.0 - own) * scores.std()
        pinned = hashlib.blake2b(digest_size=6)
        for part in (calibration.sample.astype(np.float16), calibration.neutral.astype(np.float16)):
            pinned.update(np.ascontiguousarray(part).tobytes())
        return cls(calibration, means, np.maximum(deviations, LEAST_DEVIATION), f"{_VERSION} {pinned.hexdigest()}")


class RegionsJudge:
    """Judges pictures by their squares, in one model's space and by one library's calibration. Thread-safe.

    Args:
        embedder: the model.
        texts: turns queries into its vectors.
        calibrate: returns the library's calibration.
        windows: the squares to look at.
    """

    def __init__(
        self,
        embedder: Embedder,
        texts: TextVectors,
        calibrate: Callable[[], Calibration],
        windows: tuple[Windows, ...] = WINDOWS,
    ) -> None:
        self._embedder = embedder
        self._texts = texts
        self._calibrate = calibrate
        self._windows = windows
        self._lock = Lock()
        self._known: OrderedDict[bytes, _Parts] = OrderedDict()
        self._latest: _Background | None = None

    @property
    def spec(self) -> JudgeSpec:
        """The judge's identity; its answers hold for one calibration."""
        model = self._embedder.spec
        sizes = ",".join(f"{size.share:.3f}x{size.steps}" for size in self._windows)
        return JudgeSpec(
            key=f"regions {sizes} {model.key}",
            name=f"regions, {model.name}",
            device="where the library's model runs",
            batch_size=1,  # its squares fill a batch of the model, and a budget is overdrawn by no more
            prompt_version=self._background().version,
            side_px=round(model.image_size / min(size.share for size in self._windows)),
            usual_weight=USUAL_WEIGHT,
        )

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images by their squares; n judgements, each with the box of the square that matches best."""
        background = self._background()
        text = self._texts.of([query])[0]
        return [self._judgement(parts, text, background) for parts in self._parts_of(images)]

    def _judgement(self, parts: _Parts, text: Vectors, background: _Background) -> Judgement:
        vectors = parts.vectors.astype(np.float32)
        calibration = background.calibration
        of_query = calibration.background(text)
        scores = ((vectors @ text).astype(np.float64) - of_query.mean) / of_query.deviation
        usual = ((vectors @ calibration.neutral.T).astype(np.float64) - background.means) / background.deviations
        best = int(scores.argmax())
        bests = usual.max(axis=0)
        evidence = (scores[best] - bests.mean()) / max(float(bests.std()), _LEAST_SPREAD)
        chance = float(calibration.curve.probability(np.array([evidence]))[0])
        return Judgement(chance, box=parts.boxes[best])

    def _background(self) -> _Background:
        calibration = self._calibrate()
        latest = self._latest
        if latest is None or latest.calibration is not calibration:
            latest = self._latest = _Background.of(calibration)
        return latest

    def _parts_of(self, images: Sequence[Image.Image]) -> list[_Parts]:
        """Return the pictures' squares, embedding those of pictures not met lately."""
        names = [_name(image) for image in images]
        with self._lock:
            known = {name: self._known[name] for name in names if name in self._known}
        new = {name: image for name, image in zip(names, images, strict=True) if name not in known}
        known |= self._embedded(new)
        with self._lock:
            for name in names:
                self._known[name] = known[name]
                self._known.move_to_end(name)
            while len(self._known) > KEPT_IMAGES:
                self._known.popitem(last=False)
        return [known[name] for name in names]

    def _embedded(self, images: dict[bytes, Image.Image]) -> dict[bytes, _Parts]:
        boxes = {name: boxes_in(*image.size, self._windows) for name, image in images.items()}
        pixels = [
            self._embedder.preprocess(images[name].crop(pixels_of(box, *images[name].size)))
            for name, laid in boxes.items()
            for box in laid
        ]
        vectors = iter(
            vector
            for start in range(0, len(pixels), _AT_ONCE)
            for vector in self._embedder.embed_images(np.stack(pixels[start : start + _AT_ONCE]))
        )
        return {
            name: _Parts(tuple(laid), np.stack([next(vectors) for _ in laid]).astype(np.float16))
            for name, laid in boxes.items()
        }


def _name(image: Image.Image) -> bytes:
    """A hash of what is to be seen: a thousandth of the time that looking takes."""
    return hashlib.blake2b(image.tobytes(), digest_size=16, key=repr(image.size).encode()).digest()


_LEAST_SPREAD: Final = 1.0
"""In deviations among pictures: neutral texts that agree more on a picture are too alike to say what is usual."""
