"""Measure what the built-in judge makes of the first ranking's best hits, and what that costs.

    python benchmarks/rerank.py CAPTIONED [--labelled FOLDER]

CAPTIONED is laid out as training/captioned.py says: the captions of its split `val` look for their photographs, the
judge orders the first hits anew from what is kept of them, and both orders are printed with 95% bootstrap intervals.
The weight of either half of the photographs is the one that is best on the other half. Then the judge chooses between
captions and the same with one thing changed (training/changed.py). FOLDER holds `photos/` and `queries.jsonl` as for
benchmarks/quality.py: names of things rather than sentences, where a judge of sentences must not hurt.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.mini import MiniEmbedder
from photoseek.library.embedders.mini_places import KeptPlaces
from photoseek.library.types import Vectors
from photoseek.rerank.fusion import fused
from photoseek.rerank.mini_judge import USUAL_WEIGHT, MiniJudge
from photoseek.search.calibration import Calibration
from photoseek.search.describe import Vocabulary
from photoseek.search.labelled_queries import read_labelled_queries
from photoseek.search.metrics import average_precision, interval
from photoseek.training.captioned import read_captioned
from photoseek.training.changed import KINDS, changed_captions

DEPTH = 50
WEIGHTS = tuple(step / 20 for step in range(21))
AT_ONCE = 16
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Photographs: (n, dim) vectors, and what is kept of them."""

    vectors: Vectors
    kept: KeptPlaces

    def part(self, numbers: NDArray[np.int64]) -> KeptPlaces:
        """Return what is kept of some of them."""
        return KeptPlaces(self.kept.places[numbers], self.kept.whole[numbers])


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """The first ranking of a gallery, and the judge's of its best hits."""

    gallery: Gallery
    model: MiniEmbedder
    judge: MiniJudge
    calibration: Calibration

    def orders(self, text: str) -> list[NDArray[np.int64]]:
        """Return the order of all photographs by each weight."""
        query = self.model.embed_texts([text])[0]
        scores = self.gallery.vectors @ query
        order = np.argsort(-scores, kind="stable")
        best = order[:DEPTH]
        background = self.calibration.background(query)
        standing = (scores[best].astype(np.float64) - background.mean) / background.deviation
        odds = self.calibration.curve.slope * (standing - self.calibration.curve.midpoint)
        judged = self.judge.judge_kept(self.gallery.part(best), text)
        return [
            np.concatenate([best[np.argsort(-fused(odds, judged, weight), kind="stable")], order[DEPTH:]])
            for weight in WEIGHTS
        ]

    def odds(self, numbers: NDArray[np.int64], text: str) -> NDArray[np.float64]:
        """Return the judge's log-odds of some photographs."""
        return self.judge.log_odds(self.gallery.part(numbers), text)


def ranker_of(model: MiniEmbedder, judge: MiniJudge, gallery: Gallery) -> Ranker:
    """Calibrate the first ranking on the gallery, as a library does."""
    neutral = normalized(model.embed_texts(Vocabulary.neutral().labels))
    return Ranker(gallery, model, judge, Calibration.learned(gallery.vectors, neutral))


def gallery_of(model: MiniEmbedder, batches: Sequence[NDArray[np.uint8]]) -> Gallery:
    """Embed photographs, and keep what is to be kept of them."""
    vectors, rows = zip(*(model.embed_keeping_places(batch) for batch in batches), strict=True)
    return Gallery(np.concatenate(vectors), model.keeper.read([row for batch in rows for row in batch]))


def batched(model: MiniEmbedder, picture: Callable[[int], Image.Image], count: int) -> list[NDArray[np.uint8]]:
    """Prepare photographs, some at once."""
    return [
        np.stack([model.preprocess(picture(number)) for number in range(start, min(start + AT_ONCE, count))])
        for start in range(0, count, AT_ONCE)
    ]


def tell(name: str, values: NDArray[np.float64], before: NDArray[np.float64] | None = None) -> None:
    """Print a mean with its interval, and that of what was gained."""
    low, high = interval(values)
    line = f"{name:>44}  {values.mean():.3f}  [{low:.3f}, {high:.3f}]"
    if before is not None:
        low, high = interval(values - before)
        line += f"  gain {(values - before).mean():+.3f}  [{low:+.3f}, {high:+.3f}]"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captioned", type=Path)
    parser.add_argument("--labelled", type=Path, help="a folder of photos/ and queries.jsonl")
    parser.add_argument("--captions", type=int, default=5000, help="so many of the captions, drawn by a fixed seed")
    options = parser.parse_args()
    model = MiniEmbedder()
    judge = MiniJudge(model)
    val = read_captioned(options.captioned, "val")
    ranker = ranker_of(model, judge, gallery_of(model, batched(model, val.picture, len(val.names))))
    print(f"{judge.keeper.row_bytes:,} bytes kept a photograph")
    sentences(ranker, *val.flat(), options.captions)
    pairs(ranker, *val.flat(), options.captions // 5)
    if options.labelled is not None:
        labelled(model, judge, options.labelled)


def sentences(ranker: Ranker, owners: Sequence[int], captions: Sequence[str], count: int) -> None:
    """Print how often a caption's own photograph comes first, and among the first ten."""
    asked = np.sort(np.random.default_rng(5).permutation(len(captions))[:count])
    ranks, seconds = [], []
    for number in asked:
        start = time.perf_counter()
        orders = ranker.orders(captions[number])
        seconds.append(time.perf_counter() - start)
        ranks.append([int(np.flatnonzero(order == owners[number])[0]) for order in orders])
    found = np.array(ranks)
    print(f"{len(asked)} captions; {np.median(seconds):.3f} s a query, first ranking and {DEPTH} hits judged")
    for place, weight in enumerate(WEIGHTS):
        shares = [(found[:, place] < within).mean() for within in (1, 10)]
        print(f"weight {weight:.2f}  R@1 {shares[0]:.3f}  R@10 {shares[1]:.3f}")
    is_even = np.array([owners[number] % 2 == 0 for number in asked])
    judged = np.empty(len(asked), np.int64)
    for chooses in (is_even, ~is_even):
        best = best_weight(found[chooses])
        judged[~chooses] = found[~chooses, best]
        name = "even" if chooses is is_even else "odd"
        print(f"the {name} half chooses {WEIGHTS[best]}")
        tell_gain("on the other half", found[~chooses, 0], found[~chooses, best])
    tell_gain("both halves", found[:, 0], judged)


def best_weight(ranks: NDArray[np.int64]) -> int:
    """Return which weight puts most photographs first without losing any from the first ten."""
    first, tenth = (ranks < 1).mean(axis=0), (ranks < 10).mean(axis=0)
    return int(np.where(tenth >= tenth[0], first, -1.0).argmax())


def tell_gain(name: str, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
    """Print R@1 and R@10 of two rankings, what was gained, and by how much R@1 was multiplied."""
    for within in (1, 10):
        first, second = ((ranks < within).astype(np.float64) for ranks in (before, after))
        tell(f"R@{within}, first ranking, {name}", first)
        tell(f"R@{within}, reranked, {name}", second, first)
    drawn = np.random.default_rng(0).integers(len(before), size=(RESAMPLES, len(before)))
    ratios = (after < 1)[drawn].mean(axis=1) / (before < 1)[drawn].mean(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    print(f"R@1 times {(after < 1).mean() / (before < 1).mean():.2f}  [{low:.2f}, {high:.2f}], {name}", flush=True)


def pairs(ranker: Ranker, owners: Sequence[int], captions: Sequence[str], count: int) -> None:
    """Print how often the judge prefers a caption to the same with one thing changed."""
    changed = list(changed_captions(captions, seed=11))
    drawn = np.random.default_rng(0).permutation(len(changed))[:count]
    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for number in drawn:
        one = changed[number]
        own = np.array([owners[one.caption]])
        true, false = (ranker.odds(own, text)[0] for text in (captions[one.caption], one.text))
        right[one.kind].append(bool(true > false))
    tell("true caption preferred", np.array([one for ones in right.values() for one in ones], dtype=np.float64))
    for kind, ones in right.items():
        if not ones:
            continue
        tell(f"{kind} changed", np.array(ones, dtype=np.float64))


def labelled(model: MiniEmbedder, judge: MiniJudge, folder: Path) -> None:
    """Print the mean average precision of labelled queries, by kind."""
    paths = sorted((folder / "photos").iterdir())
    numbers = {path.name: number for number, path in enumerate(paths)}

    def picture(number: int) -> Image.Image:
        with Image.open(paths[number]) as opened:
            return opened.convert("RGB")

    ranker = ranker_of(model, judge, gallery_of(model, batched(model, picture, len(paths))))
    precisions: dict[str, list[list[float]]] = {}
    for query in read_labelled_queries(folder / "queries.jsonl"):
        relevant = [numbers[name] for name in query.relevant if name in numbers]
        if relevant:
            ranks = [np.flatnonzero(np.isin(order, relevant)) + 1 for order in ranker.orders(query.text)]
            precisions.setdefault(query.kind, []).append([average_precision(one) for one in ranks])
    for kind, rows in precisions.items():
        found = np.array(rows)
        tell(f"mAP of a {kind}, first ranking", found[:, 0])
        tell(f"mAP of a {kind}, reranked", found[:, WEIGHTS.index(USUAL_WEIGHT)], found[:, 0])


if __name__ == "__main__":
    main()
