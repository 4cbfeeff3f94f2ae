"""Measure how well a model finds labelled photographs by words and by example.

    python benchmarks/quality.py FOLDER --model mini --captions FOLDER --drawings CACHE

The folder holds `photos/` and `queries.jsonl`, one JSON object a line: `query` (text), `kind`, and `relevant`
(file names of photos). `photoseek eval` measures a library of one's own in the same way.

With --captions, a folder laid out as training/captioned.py says, sentences are measured on its split `val`: recall from
words to photographs and back, each photograph's captions being one draw of the intervals; how often a caption scores
higher on its photograph than the same caption with one thing changed (training/changed.py has the rules), and how often
the mean over all photographs would have told the two apart, which is what the words alone give away; and the automatic
threshold. With --drawings, a cache of `make train-mini`, the held-out drawings are found by their captions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from labelled import Labelled, embed_captioned, embed_labelled, embed_texts

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.types import Vectors
from photoseek.search.calibration import AUTO_PROBABILITY, Calibration
from photoseek.search.evaluate import ranks_of
from photoseek.search.metrics import average_precision, hit_at, interval, ndcg_at, precision_at
from photoseek.training.captioned import read_captioned
from photoseek.training.changed import changed_captions
from photoseek.training.fetch import Sources
from photoseek.training.measure import drawing_hits
from photoseek.training.pairs import all_pairs

CHANGED_SEED = 7
"""Draws the words that are changed; the training's validation draws the same."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries, with the bounds of its 95% bootstrap interval."""

    kind: str
    measure: str
    mean: float
    low: float
    high: float
    queries: int


def text_to_image(data: Labelled) -> Iterator[tuple[str, str, float]]:
    """Yield (kind, measure, value) of every query."""
    for text, query, relevant in zip(data.texts, data.queries, data.relevant, strict=True):
        ranks = ranks_of(data.images @ text, np.flatnonzero(relevant))
        yield query.kind, "mAP", average_precision(ranks)
        yield query.kind, "nDCG@10", ndcg_at(ranks, 10)
        yield query.kind, "P@10", precision_at(ranks, 10)
        yield query.kind, "R@1", hit_at(ranks, 1)
        yield query.kind, "hit@5", hit_at(ranks, 5)


def image_to_image(data: Labelled) -> Iterator[tuple[str, str, float]]:
    """Yield each category's mean precision at 10 when every one of its images asks for the others."""
    for query, relevant in zip(data.queries, data.relevant, strict=True):
        members = np.flatnonzero(relevant)
        if query.kind == "category" and len(members) > 1:
            precisions = []
            for member in members:
                scores = data.images @ data.images[member]
                scores[member] = -np.inf
                precisions.append(precision_at(ranks_of(scores, members[members != member]), 10))
            yield "image to image", "P@10", float(np.mean(precisions))


def both_ways(data: Labelled) -> Iterator[tuple[str, str, float]]:
    """Yield the recalls of captioned photographs, one value a photograph and measure."""
    scores = data.texts @ data.images.T
    own = scores[data.relevant]
    owners = data.relevant.argmax(axis=1)
    ranks = (scores > own[:, np.newaxis]).sum(axis=1)
    for number in range(len(data.images)):
        its = owners == number
        placed = int((scores[:, number] > own[its].max()).sum())
        for k in (1, 5, 10):
            yield "caption", f"R@{k}", float((ranks[its] < k).mean())
            yield "photograph", f"R@{k}", float(placed < k)


def changed(model: Embedder, data: Labelled) -> Iterator[tuple[str, str, float]]:
    """Yield for every changed caption whether it scores less than the true one, on its photograph and on average."""
    found = list(changed_captions([query.text for query in data.queries], CHANGED_SEED))
    vectors = embed_texts(model, [one.text for one in found])
    owners = data.relevant.argmax(axis=1)
    mean = data.images.mean(axis=0)
    for one, vector in zip(found, vectors, strict=True):
        lead = data.texts[one.caption] - vector
        right = float(lead @ data.images[owners[one.caption]] > 0)
        for kind in (one.kind, "all kinds"):
            yield f"changed {kind}", "right", right
            yield f"changed {kind}", "by words", float(lead @ mean > 0)


def cut_off(data: Labelled, elsewhere: Vectors) -> Iterator[tuple[str, str, float]]:
    """Yield what the automatic threshold does with captions.

    Each is asked of all photographs, of all but its own, many of which show the like, and of a folder of things,
    `elsewhere`, where few captions have an answer.
    """
    calibration = Calibration.learned(data.images, data.neutral)
    other = Calibration.learned(elsewhere, data.neutral)
    for text, relevant in zip(data.texts, data.relevant, strict=True):
        found = calibration.curve.probability(calibration.background(text).evidence(data.images))
        without = replace(calibration, sample=data.images[~relevant])
        left = calibration.curve.probability(without.background(text).evidence(data.images[~relevant]))
        strange = other.curve.probability(other.background(text).evidence(elsewhere))
        yield "cut-off", "silenced", float(found.max() < AUTO_PROBABILITY)
        yield "cut-off", "own gone", float(left.max() < AUTO_PROBABILITY)
        yield "cut-off", "elsewhere", float(strange.max() < AUTO_PROBABILITY)


def measure(model: Embedder, folder: Path, captions: Path | None = None) -> list[Figure]:
    """Run a model on a labelled folder, and on captioned photographs, and return its figures by kind and measure."""
    data = embed_labelled(model, folder)
    found = [*text_to_image(data), *image_to_image(data)]
    if captions is not None:
        sentences = embed_captioned(model, read_captioned(captions, "val"))
        found += [*both_ways(sentences), *changed(model, sentences), *cut_off(sentences, data.images)]
    return figures_of(found)


def figures_of(found: Iterable[tuple[str, str, float]]) -> list[Figure]:
    """Return the mean of each kind and measure, with its interval."""
    values: dict[tuple[str, str], list[float]] = {}
    for kind, name, value in found:
        values.setdefault((kind, name), []).append(value)
    figures = []
    for (kind, name), measured in values.items():
        low, high = interval(np.array(measured))
        figures.append(Figure(kind, name, float(np.mean(measured)), low, high, len(measured)))
    return figures


def drawings(model: Embedder, cache: Path) -> Iterator[tuple[str, str, float]]:
    """Yield for every caption of the held-out drawings whether one that bears it is among the first ten."""
    pairs = all_pairs(Sources(cache))
    for source in dict.fromkeys(pair.source for pair in pairs):
        for hit in drawing_hits(model, [pair for pair in pairs if (pair.source, pair.split) == (source, "held out")]):
            yield source, "R@10", float(hit)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="mini", help="as for photoseek --model (default: mini)")
    parser.add_argument("--captions", type=Path, help="folder of captioned photographs; its split val is measured")
    parser.add_argument("--drawings", type=Path, help="cache of make train-mini, to measure the held-out drawings")
    parser.add_argument("--json", action="store_true", help="print one JSON array and nothing else")
    arguments = parser.parse_args()
    model = load_embedder(arguments.model)
    figures = measure(model, arguments.folder, arguments.captions)
    if arguments.drawings is not None:
        figures += figures_of(drawings(model, arguments.drawings))
    if arguments.json:
        print(json.dumps([asdict(figure) for figure in figures]))
        return
    for figure in figures:
        spread = f"[{figure.low:.3f}, {figure.high:.3f}]"
        print(f"{figure.kind:>17}  {figure.measure:<9}  {figure.mean:.3f}  {spread}  {figure.queries} queries")


if __name__ == "__main__":
    main()
