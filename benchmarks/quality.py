"""Measure how well a model finds labelled photographs by words and by example.

    python benchmarks/quality.py FOLDER --model mini

The folder holds `photos/` and `queries.jsonl`, one JSON object a line: `query` (text), `kind`, and `relevant`
(file names of photos). `photoseek eval` measures a library of one's own in the same way.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from labelled import Labelled, embed_labelled

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.search.evaluate import ranks_of
from photoseek.search.metrics import average_precision, hit_at, interval, ndcg_at, precision_at


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


def measure(model: Embedder, folder: Path) -> list[Figure]:
    """Run a model on a labelled folder and return its figures by kind and measure."""
    data = embed_labelled(model, folder)
    values: dict[tuple[str, str], list[float]] = {}
    for kind, name, value in [*text_to_image(data), *image_to_image(data)]:
        values.setdefault((kind, name), []).append(value)
    figures = []
    for (kind, name), found in values.items():
        low, high = interval(np.array(found))
        figures.append(Figure(kind, name, float(np.mean(found)), low, high, len(found)))
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="mini", help="as for photoseek --model (default: mini)")
    parser.add_argument("--json", action="store_true", help="print one JSON array and nothing else")
    arguments = parser.parse_args()
    figures = measure(load_embedder(arguments.model), arguments.folder)
    if arguments.json:
        print(json.dumps([asdict(figure) for figure in figures]))
        return
    for figure in figures:
        spread = f"[{figure.low:.3f}, {figure.high:.3f}]"
        print(f"{figure.kind:>14}  {figure.measure:<7}  {figure.mean:.3f}  {spread}  {figure.queries} queries")


if __name__ == "__main__":
    main()
