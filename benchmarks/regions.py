"""Measure what reranking by parts of pictures finds, costs, and spoils.

    python benchmarks/regions.py FOLDER --model mini

The gallery is mosaics of labelled photographs, 2 x 2 to 4 x 4 of them, so that what answers a query is a small part of
its picture; then the plain photographs, where reranking is not to hurt. Squares and weight are chosen on one half
of the queries, and what is in use is reported on the other. Queries that more than half of a gallery answers are left
out. The baseline is the search's own order.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from labelled import embed_texts
from numpy.typing import NDArray
from PIL import Image

from photoseek.library.embedders.base import Embedder, ModelSpec
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.types import Pixels, Vectors
from photoseek.rerank.fusion_fit import JudgedRanking
from photoseek.rerank.regions import USUAL_WEIGHT, WINDOWS, RegionsJudge, Windows
from photoseek.search.calibration import Calibration
from photoseek.search.describe import Vocabulary
from photoseek.search.labelled_queries import LabelledQuery, read_labelled_queries
from photoseek.search.metrics import hit_at, interval
from photoseek.search.texts import TextVectors

DEPTH = 50
SIDE_PX = 720
TIMED = 8
CHOICES = {
    "itself": (Windows(1.0, 1),),
    "and halves": (Windows(1.0, 1), Windows(1 / 2, 3)),
    "and thirds": (Windows(1.0, 1), Windows(1 / 2, 3), Windows(1 / 3, 3)),
    "and quarters": (Windows(1.0, 1), Windows(1 / 2, 3), Windows(1 / 3, 3), Windows(1 / 4, 4)),
}


Shown: TypeAlias = tuple[Image.Image, frozenset[str]]
"""A picture, and the names of the photographs in it."""


class Remembering:
    """An embedder that embeds the same pixels once: the choices share their squares. Makes time meaningless."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[bytes, Vectors] = {}

    @property
    def spec(self) -> ModelSpec:
        """That of the embedder."""
        return self._embedder.spec

    def preprocess(self, image: Image.Image) -> Pixels:
        """As the embedder does."""
        return self._embedder.preprocess(image)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed what is new, and remember it."""
        names = [hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in pixels]
        new = [place for place, name in enumerate(names) if name not in self._known]
        if new:
            vectors = self._embedder.embed_images(pixels[new])
            self._known |= {names[place]: vector for place, vector in zip(new, vectors, strict=True)}
        return np.stack([self._known[name] for name in names])

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """As the embedder does."""
        return self._embedder.embed_texts(texts)


class Gallery:
    """Pictures, how the search ranks them, and what of each query they show."""

    def __init__(
        self, model: Embedder, pictures: list[Image.Image], shown: Sequence[frozenset[str]], neutral: Vectors
    ) -> None:
        self._model, self._pictures, self._shown = model, pictures, shown
        batches = [pictures[start : start + 16] for start in range(0, len(pictures), 16)]
        self._vectors = np.concatenate(
            [model.embed_images(np.stack([model.preprocess(picture) for picture in batch])) for batch in batches]
        )
        self._texts = TextVectors(model)
        self._calibration = Calibration.learned(self._vectors, neutral)

    def rankings(self, queries: Sequence[LabelledQuery], windows: tuple[Windows, ...]) -> list[JudgedRanking]:
        """Judge the first hits of each query that some picture of the gallery answers, and not most do."""
        judge = RegionsJudge(self._model, self._texts, lambda: self._calibration, windows)
        rankings = []
        for query in queries:
            relevant = np.array([bool(shown & query.relevant) for shown in self._shown])
            if not 0 < relevant.sum() <= len(relevant) / 2:
                continue
            text = self._texts.of([query.text])[0]
            background = self._calibration.background(text)
            standing = ((self._vectors @ text).astype(np.float64) - background.mean) / background.deviation
            first = self._calibration.curve.slope * (standing - self._calibration.curve.midpoint)
            places = np.argsort(-first, kind="stable")
            top = places[:DEPTH]
            said = judge.judge([self._pictures[place] for place in top], query.text)
            beyond = np.flatnonzero(relevant[places[DEPTH:]]) + DEPTH + 1
            rankings.append(JudgedRanking(first[top], tuple(said), relevant[top], tuple(beyond.tolist())))
        return rankings


def mosaics(photos: dict[str, Image.Image], side: int, count: int) -> list[Shown]:
    """Lay photographs, drawn without repetition until all are used, into squares of `side` x `side`."""
    rng = np.random.default_rng(side)
    names: list[str] = []
    made = []
    for _ in range(count):
        if len(names) < side * side:
            names = rng.permutation(sorted(photos)).tolist()
        chosen, names = names[: side * side], names[side * side :]
        tile_px = SIDE_PX // side
        picture = Image.new("RGB", (tile_px * side, tile_px * side))
        for place, name in enumerate(chosen):
            picture.paste(_square(photos[name], tile_px), (place % side * tile_px, place // side * tile_px))
        made.append((picture, frozenset(chosen)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds photos/ and queries.jsonl")
    parser.add_argument("--model", default="mini", help="as for photoseek --model (default: mini)")
    parser.add_argument("--mosaics", type=int, default=40, help="of each size (default: 40)")
    parser.add_argument("--photos", type=int, default=200, help="plain ones (default: 200)")
    parser.add_argument("--queries", type=int, default=280, help="drawn for either half, at most (default: 280)")
    arguments = parser.parse_args()
    plain_model = load_embedder(arguments.model)
    model = Remembering(plain_model)
    queries = read_labelled_queries(arguments.folder / "queries.jsonl")
    photos = {path.name: _opened(path) for path in sorted((arguments.folder / "photos").iterdir())}
    neutral = embed_texts(model, Vocabulary.neutral().labels)
    sizes = {side: mosaics(photos, side, arguments.mosaics) for side in (2, 3, 4)}
    galleries = {f"{side} x {side}": made for side, made in sizes.items()}
    galleries["all mosaics"] = [one for made in sizes.values() for one in made]
    chosen = list(photos)[:: max(1, len(photos) // arguments.photos)][: arguments.photos]
    galleries["plain"] = [(photos[name], frozenset({name})) for name in chosen]
    drawn = [queries[place] for place in np.random.default_rng(0).permutation(len(queries))]
    choosing, reporting = drawn[0::2][: arguments.queries], drawn[1::2][: arguments.queries]
    print(f"{arguments.model}, the first {DEPTH} hits judged; mAP / R@1 on the half that chooses")
    ready = {
        name: Gallery(model, [picture for picture, _ in made], [shown for _, shown in made], neutral)
        for name, made in galleries.items()
    }
    for name in ("all mosaics", "plain"):
        gallery = ready[name]
        for choice, windows in CHOICES.items():
            rankings = gallery.rankings(choosing, windows)
            cells = [f"{weight:.1f}: {_figures(rankings, weight)}" for weight in (0.0, 0.3, 0.5, 0.7, 1.0)]
            print(f"{name:12} {choice:13} {'   '.join(cells)}", flush=True)
    print(f"\nin use, weight {USUAL_WEIGHT}, on the other half: queries, mAP / R@1 before, after, gain in mAP [95%]")
    for name, gallery in ready.items():
        rankings = gallery.rankings(reporting, WINDOWS)
        gains = _precisions(rankings, USUAL_WEIGHT) - _precisions(rankings, 0.0)
        low, high = interval(gains)
        print(
            f"{name:12} {len(rankings):4d}  {_figures(rankings, 0.0)}  {_figures(rankings, USUAL_WEIGHT)}  "
            f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}]",
            flush=True,
        )
    _print_times(plain_model, galleries, neutral)


def _print_times(model: Embedder, galleries: dict[str, list[Shown]], neutral: Vectors) -> None:
    calibration = Calibration.learned(neutral, neutral)
    for name in ("all mosaics", "plain"):
        pictures = [picture for picture, _ in galleries[name][:: max(1, len(galleries[name]) // TIMED)][:TIMED]]
        judge = RegionsJudge(model, TextVectors(model), lambda: calibration)
        model.embed_images(np.stack([model.preprocess(picture) for picture in pictures]))
        start_s = time.perf_counter()
        model.embed_images(np.stack([model.preprocess(picture) for picture in pictures]))
        whole_s = time.perf_counter() - start_s
        judge.judge([Image.new("RGB", (8, 8))], "a cat")
        start_s = time.perf_counter()
        judge.judge(pictures, "a cat")
        new_s = time.perf_counter() - start_s
        start_s = time.perf_counter()
        judge.judge(pictures, "a cat")
        known_s = time.perf_counter() - start_s
        print(
            f"{name:12} ms a hit: {1000 * new_s / len(pictures):.0f}, {new_s / whole_s:.1f} times embedding it whole; "
            f"its squares known: {1000 * known_s / len(pictures):.1f}"
        )


def _figures(rankings: Sequence[JudgedRanking], weight: float) -> str:
    firsts = [hit_at(one.ranks(weight), 1) for one in rankings]
    return f"{_precisions(rankings, weight).mean():.3f} / {np.mean(firsts):.3f}"


def _precisions(rankings: Sequence[JudgedRanking], weight: float) -> NDArray[np.float64]:
    return np.array([one.average_precision(weight) for one in rankings])


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _square(image: Image.Image, side_px: int) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((side_px, side_px), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))


if __name__ == "__main__":
    main()
