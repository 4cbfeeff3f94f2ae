"""Run the frozen towers once over all pictures and texts and keep what they say: the heads train on that alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..library.embedders.mini import MiniEmbedder, squeezed
from ..library.types import Pixels, Vectors
from .pairs import Pair
from .pictures import PEOPLE, on_background, random_crop, sample_photographs, varied

BATCH = 16
PHOTOGRAPH_CROPS = 20
"""Random crops taken of each photograph without words."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the image tower says of the training pictures.

    `plain` and `varied` are (pairs, 1280), in the order of the pairs: on white, and on a random background.
    `photographs` is (m, 1280), of random crops of photographs without words.
    """

    plain: Vectors
    varied: Vectors
    photographs: Vectors


def picture_features(model: MiniEmbedder, pairs: Sequence[Pair], wallpapers: Path, cache: Path, seed: int) -> Features:
    """Return the pictures' features, from the cache where the towers and pairs are those it was made with."""
    pinned = [model.manifest.files["image_tower.onnx"], seed, *(str(pair.path.name) for pair in pairs)]
    path = cache / f"features-{hashlib.sha256(json.dumps(pinned).encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        plain = _embed(model, [_opener(pair.path, None) for pair in pairs])
        changed = _embed(model, [_opener(pair.path, seed + number) for number, pair in enumerate(pairs)])
        crops = list(_photograph_crops(wallpapers, seed))
        photographs = np.concatenate([model.image_features(crop[np.newaxis]) for crop in crops])
        np.savez(path, plain=plain, varied=changed, photographs=photographs)
    with np.load(path) as stored:
        return Features(stored["plain"], stored["varied"], stored["photographs"])


class TextFeatures:
    """The text tower's features of texts, each computed once."""

    def __init__(self, model: MiniEmbedder, cache: Path) -> None:
        self._model = model
        self._path = cache / f"texts-{model.manifest.files['text_tower.onnx'][:12]}.npz"
        self._known: dict[str, Vectors] = {}
        if self._path.exists():
            with np.load(self._path) as stored:
                self._known = dict(zip(json.loads(stored["texts"].tobytes()), stored["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return (n, 384) float32, L2-normalised."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
        with ThreadPoolExecutor(2) as pool:
            self._known |= dict(zip(unknown, pool.map(self._one, unknown), strict=True))
        return np.stack([self._known[text] for text in texts])

    def _one(self, text: str) -> Vectors:
        return np.asarray(self._model.text_features(text)[0])

    def save(self) -> None:
        """Keep what is known for the next run."""
        # One JSON text: NumPy would give every string the length of the longest.
        texts = np.frombuffer(json.dumps(list(self._known)).encode(), np.uint8)
        np.savez(self._path, texts=texts, vectors=np.stack(list(self._known.values())))


def _opener(path: Path, seed: int | None) -> Callable[[], Pixels]:
    def load() -> Pixels:
        with Image.open(path) as picture:
            picture.thumbnail((512, 512))
            sheet = on_background(picture) if seed is None else varied(picture, np.random.default_rng(seed))
            return squeezed(sheet)

    return load


def _embed(model: MiniEmbedder, openers: Sequence[Callable[[], Pixels]]) -> Vectors:
    """Load on two threads while the tower works on what is loaded."""
    parts = []
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(list, map(_call, openers[:BATCH]))]
        for start in range(BATCH, len(openers) + BATCH, BATCH):
            waiting.append(pool.submit(list, map(_call, openers[start : start + BATCH])))
            if loaded := waiting.pop(0).result():
                parts.append(model.look(np.stack(loaded)).features)
    return np.concatenate(parts)


def _call(opener: Callable[[], Pixels]) -> Pixels:
    return opener()


def _photograph_crops(wallpapers: Path, seed: int) -> Iterator[Pixels]:
    chance = np.random.default_rng(seed)
    for path in sorted(wallpapers.glob("*.jpg")):
        with Image.open(path) as picture:
            picture.draft("RGB", (1024, 1024))
            photograph = picture.convert("RGB")
        for _ in range(PHOTOGRAPH_CROPS):
            yield squeezed(random_crop(photograph, chance))
    for photograph in sample_photographs(without=PEOPLE):
        for _ in range(PHOTOGRAPH_CROPS):
            yield squeezed(random_crop(photograph, chance))
