"""Measure how well a model finds labelled photographs by words and by example.

    python benchmarks/quality.py ../shared/eval --model mini

The folder holds `photos/` and `queries.jsonl`, one JSON object a line: `query` (text), `kind`, and `relevant`
(file names of photos).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.types import Vectors

Relevance: TypeAlias = NDArray[np.bool_]
"""(n,) bool: whether the item at each rank, best first, is relevant."""

Values: TypeAlias = NDArray[np.float64]

BATCH = 16
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Query:
    """A labelled question."""

    text: str
    kind: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries, with the bounds of its 95% bootstrap interval."""

    kind: str
    measure: str
    mean: float
    low: float
    high: float
    queries: int


def average_precision(relevance: Relevance) -> float:
    """Mean of the precisions at each relevant rank; 0 where nothing is relevant."""
    ranks = np.flatnonzero(relevance) + 1
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks)) if len(ranks) else 0.0


def precision_at(relevance: Relevance, k: int) -> float:
    """Share of relevant items among the first `k`, or among as many as there are relevant ones where fewer."""
    wanted = min(k, int(relevance.sum()))
    return float(relevance[:k].sum() / wanted) if wanted else 0.0


def hit_at(relevance: Relevance, k: int) -> float:
    """1 if one of the first `k` is relevant, else 0; with a single relevant item this is recall@k."""
    return float(relevance[:k].any())


def interval(values: Values, seed: int = 0) -> tuple[float, float]:
    """Bounds of the 95% bootstrap interval of the mean (percentile method, 2,000 resamples)."""
    chance = np.random.default_rng(seed)
    means = values[chance.integers(0, len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def read_queries(path: Path) -> list[Query]:
    """Read a `queries.jsonl`."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line)
    return [Query(row["query"], row["kind"], frozenset(row["relevant"])) for row in rows]


def text_to_image(scores: Vectors, names: Sequence[str], queries: Sequence[Query]) -> Iterator[tuple[str, str, float]]:
    """Yield (kind, measure, value) of every query; `scores` is (queries, images)."""
    for row, query in zip(scores, queries, strict=True):
        relevance = np.array([names[index] in query.relevant for index in np.argsort(-row, kind="stable")])
        yield query.kind, "mAP", average_precision(relevance)
        yield query.kind, "P@10", precision_at(relevance, 10)
        yield query.kind, "R@1", hit_at(relevance, 1)
        yield query.kind, "hit@5", hit_at(relevance, 5)


def image_to_image(
    vectors: Vectors, names: Sequence[str], categories: Sequence[Query]
) -> Iterator[tuple[str, str, float]]:
    """Yield each category's mean precision at 10 when every one of its images asks for the others."""
    row_of = {name: row for row, name in enumerate(names)}
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    for category in categories:
        members = sorted(row_of[name] for name in category.relevant)
        if len(members) > 1:
            precisions = [precision_at(np.isin(order[member], members), 10) for member in members]
            yield "image to image", "P@10", float(np.mean(precisions))


def embed_photos(model: Embedder, paths: Sequence[Path]) -> Vectors:
    """Embed image files in batches."""
    parts = []
    for start in range(0, len(paths), BATCH):
        pixels = []
        for path in paths[start : start + BATCH]:
            with Image.open(path) as image:
                pixels.append(model.preprocess(image.convert("RGB")))
        parts.append(model.embed_images(np.stack(pixels)))
    return np.concatenate(parts)


def measure(model: Embedder, folder: Path) -> list[Figure]:
    """Run a model on a labelled folder and return its figures by kind and measure."""
    queries = read_queries(folder / "queries.jsonl")
    paths = sorted(path for path in (folder / "photos").iterdir() if path.is_file())
    names = [path.name for path in paths]
    images = embed_photos(model, paths)
    texts = model.embed_texts([query.text for query in queries])
    values: dict[tuple[str, str], list[float]] = {}
    categories = [query for query in queries if query.kind == "category"]
    for kind, name, value in [
        *text_to_image(texts @ images.T, names, queries),
        *image_to_image(images, names, categories),
    ]:
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
        print(f"{figure.kind:>14}  {figure.measure:<5}  {figure.mean:.3f}  {spread}  {figure.queries} queries")


if __name__ == "__main__":
    main()
