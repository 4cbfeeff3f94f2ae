"""What the frozen towers say of captioned photographs and their captions, computed once and kept in files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from ..library.embedders.mini import MiniEmbedder, squeezed
from ..library.types import Pixels, Vectors
from .captioned import Captioned
from .towers import DETAIL_DIM, FEATURE_DIM, PLACE_DIM, PLACES

VIEWS = 4
"""Each photograph whole, mirrored, and twice cut, recoloured and perhaps mirrored."""

LEAST_SIDE = 0.7
"""A cut keeps at least so much of either side, each by its own draw: the shape varies with it."""

_BATCH = 8
_GAINS = (0.75, 1.3)

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class PhotographFeatures:
    """Features of `views` views of n photographs, one view after the other; files mapped into memory, in float16.

    `pooled` is (views * n, 1280), `places` (views * n, 81, 352), `detail` (views * n, 81, 180).
    """

    count: int
    pooled: Halves
    places: Halves
    detail: Halves

    @property
    def views(self) -> int:
        """How many views there are of each photograph."""
        return len(self.pooled) // self.count


@dataclass(frozen=True, slots=True)
class TextStates:
    """The tokens' states of texts, one text after the other, text i from `starts[i]` on; and the texts' vectors."""

    starts: NDArray[np.int64]
    states: Halves
    embedding: Vectors


def photograph_features(
    model: MiniEmbedder, captioned: Captioned, cache: Path, views: int, seed: int
) -> PhotographFeatures:
    """Run the tower over the first `views` views of every photograph, unless the cache has them."""
    tower = model.manifest.files["image_tower.onnx"]
    folder = cache / f"photographs-{_digest([tower, views, seed, *captioned.names])}"
    count = len(captioned.names)
    rows = count * views
    shapes = {"pooled": (rows, FEATURE_DIM), "places": (rows, PLACES, PLACE_DIM), "detail": (rows, PLACES, DETAIL_DIM)}
    paths = {name: folder / f"{name}.npy" for name in shapes}
    if not (folder / "complete").exists():
        folder.mkdir(exist_ok=True)
        kept = {name: np.lib.format.open_memmap(paths[name], "w+", np.float16, shape) for name, shape in shapes.items()}

        def look(start: int) -> None:
            chosen = range(start, min(start + _BATCH, rows))
            pixels = np.stack([_view(captioned.picture(row % count), row // count, seed + row) for row in chosen])
            seen = model.look(pixels)
            for name, values in zip(shapes, (seen.features, seen.places, seen.detail), strict=True):
                kept[name][chosen.start : chosen.stop] = values

        _each(look, range(0, rows, _BATCH))
        for values in kept.values():
            values.flush()
        (folder / "complete").touch()
    pooled, places, detail = (np.load(paths[name], mmap_mode="r") for name in shapes)
    return PhotographFeatures(count, pooled, places, detail)


def text_states(model: MiniEmbedder, texts: Sequence[str], cache: Path) -> TextStates:
    """Run the text tower over texts, unless the cache has them."""
    path = cache / f"states-{_digest([model.manifest.files['text_tower.onnx'], *texts])}.npz"
    if not path.exists():
        found = _each(model.read, texts)
        lengths = [one.states.shape[1] for one in found]
        np.savez(
            path,
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            states=np.concatenate([one.states[0] for one in found]).astype(np.float16),
            embedding=np.concatenate([one.embedding for one in found]),
        )
    with np.load(path) as stored:
        return TextStates(stored["starts"], stored["states"], stored["embedding"])


def _view(picture: Image.Image, view: int, seed: int) -> Pixels:
    if view == 0:
        return squeezed(picture)
    if view == 1:
        return squeezed(ImageOps.mirror(picture))
    chance = np.random.default_rng(seed)
    width, height = (side * chance.uniform(LEAST_SIDE, 1.0) for side in picture.size)
    left, top = chance.uniform(0, picture.width - width), chance.uniform(0, picture.height - height)
    changed = Image.fromarray(squeezed(picture.crop((int(left), int(top), int(left + width), int(top + height)))))
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        changed = change(changed).enhance(chance.uniform(*_GAINS))
    return np.asarray(ImageOps.mirror(changed) if chance.random() < 0.5 else changed)


def _each(work: Callable[[_Item], _Found], items: Sequence[_Item]) -> list[_Found]:
    # Two threads, each with runs of its own: what one computes does not depend on the other.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items))


def _digest(pinned: Sequence[str | int]) -> str:
    return hashlib.sha256(json.dumps(list(pinned)).encode()).hexdigest()[:12]
