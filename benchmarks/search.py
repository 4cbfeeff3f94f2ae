"""How fast and how well a library's vectors are searched, beside FAISS's flat index, hnswlib and usearch.

    python benchmarks/search.py --photos DIR [--count 1000000] [--queries 300]
    pip install 'photoseek[benchmarks]'     # hnswlib and usearch, left out when not installed

The vectors are drawn from a mixture fitted to image features of photographs (see mixture.py), and queries from the same
mixture; the intrinsic dimension of both is told. Times are of one query at a time, wall clock and processor: on a
machine shared with others the second is the one to compare. Filters are drawn at random, or opposed to the query: they
let through the images that lie farthest from it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from photoseek.benchmarks.mixture import Mixture, augmented_features, intrinsic_dimension, reduced
from photoseek.library.types import ImageIds, Vectors
from photoseek.library.vectors.faiss_index import FaissIndex
from photoseek.library.vectors.generations import Generations
from photoseek.library.vectors.index import Selection, VectorIndex
from photoseek.library.vectors.manifest import GenerationIdentity

K = 20
DIM = 640
COMPONENTS = 64
SELECTIVITIES = (0.5, 0.01, 0.001, 0.0001)
OPPOSED = (0.5, 0.1, 0.01)
OPPOSED_QUERIES = 40
BLOCK_ROWS = 20_000
QUERIES_AT_ONCE = 25
HNSW_LINKS, HNSW_BUILD, HNSW_SEARCH = 16, 100, (64, 128, 256)
"""hnswlib's and usearch's parameters; of the last, the least that reaches the recall of ours is told."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one way to search: seconds per query, wall clock and processor, and the share of the true answers found."""

    wall_s: Sequence[float]
    cpu_s: Sequence[float]
    recall: float

    def __str__(self) -> str:
        p50, p95 = np.quantile(self.wall_s, [0.5, 0.95]) * 1000
        cpu = np.median(self.cpu_s) * 1000
        return f"p50 {p50:8.2f} ms  p95 {p95:8.2f} ms  cpu {cpu:8.2f} ms  recall {self.recall:.4f}"


def measured(ask: Callable[[Vectors], Sequence[int]], queries: Vectors, truth: list[set[int]]) -> Figures:
    """Ask one query at a time, on one thread, the first few without counting; `ask` returns rows."""
    wall_s, cpu_s, found = [], [], 0
    with threadpool_limits(1):
        for query in queries[:10]:
            ask(query[np.newaxis])
        for query, wanted in zip(queries, truth, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            rows = ask(query[np.newaxis])
            wall_s.append(time.perf_counter() - wall)
            cpu_s.append(time.process_time() - cpu)
            found += len(wanted.intersection(int(row) for row in rows))
    return Figures(wall_s, cpu_s, found / sum(len(wanted) for wanted in truth))


def exact_rows(vectors: Vectors, queries: Vectors, rows: ImageIds) -> list[set[int]]:
    """Return the true nearest K of each query among `rows`."""
    best: list[set[int]] = []
    for first in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[first : first + QUERIES_AT_ONCE]
        blocks = (rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS))
        scores = np.concatenate([some @ vectors[block].astype(np.float32).T for block in blocks], axis=1)
        best += [set(rows[np.argpartition(-own, min(K, len(rows)) - 1)[:K]].tolist()) for own in scores]
    return best


def rounded(vectors: Vectors) -> Vectors:
    """Return vectors as the catalogue keeps them, (n, dim) float16."""
    return cast("Vectors", vectors.astype(np.float16))


def chunks(vectors: Vectors) -> Iterator[tuple[ImageIds, Vectors]]:
    """Yield ids, from 1, and vectors as the catalogue would."""
    for start in range(0, len(vectors), 5000):
        part = vectors[start : start + 5000]
        yield np.arange(start + 1, start + 1 + len(part)), part.astype(np.float32)


def ours(vectors: Vectors, queries: Vectors, folder: Path) -> None:
    """Build and measure a generation, as a library would have it, with and without filters."""
    generations = Generations(folder, GenerationIdentity("benchmark", "mixture", DIM))
    wall, cpu = time.perf_counter(), time.process_time()
    manifest = generations.publish(chunks(vectors), 1, len(vectors)).manifest
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size_bytes = sum(file.stat().st_size for file in generations.folder.iterdir())
    print(f"  photoseek, {manifest.recipe.factory}, {manifest.tuning}")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"    {wall:.0f} s to build, cpu {cpu:.0f} s, {size_bytes / 1e6:.0f} MB, peak {peak_bytes / 1e9:.1f} GB")
    opened = generations.newest()
    if opened is None:
        raise RuntimeError("the generation just published cannot be opened")
    index = opened.load()
    truth = exact_rows(vectors, queries, np.arange(len(vectors)))
    print(f"    unfiltered            {measured(_asking(index, Selection.all()), queries, truth)}")
    if isinstance(index, FaissIndex):
        print(f"    bare FAISS, the same  {measured(_bare(index), queries, truth)}")
    for share in SELECTIVITIES:
        if share * len(vectors) < K:
            continue
        rows = np.sort(np.random.default_rng(3).choice(len(vectors), round(share * len(vectors)), replace=False))
        some = queries[:100]
        truth = exact_rows(vectors, some, rows)
        print(f"    {share:8.2%} allowed      {measured(_asking(index, Selection.only(rows + 1)), some, truth)}")
        allowed = set(rows.tolist())
        print(f"    the same, post-filter {measured(_post_filtering(index, allowed), some, truth)}", flush=True)
    for share in OPPOSED:
        if share * len(vectors) >= K:
            print(
                f"    {share:8.2%} opposed      {_opposed(index, vectors, queries[:OPPOSED_QUERIES], share)}",
                flush=True,
            )


def _opposed(index: VectorIndex, vectors: Vectors, queries: Vectors, share: float) -> Figures:
    """Measure under filters that let through the share of the images that is farthest from each query."""
    found: list[Figures] = []
    for query in queries:
        scores = np.concatenate(
            [vectors[at : at + BLOCK_ROWS].astype(np.float32) @ query for at in range(0, len(vectors), BLOCK_ROWS)]
        )
        rows = np.sort(np.argpartition(scores, round(share * len(vectors)))[: round(share * len(vectors))])
        truth = [set(rows[np.argpartition(-scores[rows], K - 1)[:K]].tolist())]
        found.append(measured(_asking(index, Selection.only(rows + 1)), query[np.newaxis], truth))
    walls = [one.wall_s[0] for one in found]
    return Figures(walls, [one.cpu_s[0] for one in found], float(np.mean([one.recall for one in found])))


def _bare(index: FaissIndex) -> Callable[[Vectors], list[int]]:
    """FAISS's own search with what tuning has found, from a vector to the rows it names; none is scored again."""
    tuning = index.tuning
    return lambda query: list(index.candidates(query, tuning.candidates, tuning.nprobe)[1][0])[:K]


def _asking(index: VectorIndex, selection: Selection) -> Callable[[Vectors], list[int]]:
    return lambda query: [match.image_id - 1 for match in index.search(query, K, selection)[0]]


def _post_filtering(index: VectorIndex, allowed: set[int]) -> Callable[[Vectors], list[int]]:
    """The usual way: ask for five times as many and drop those not allowed."""
    return lambda query: [row for match in index.search(query, 5 * K)[0] if (row := match.image_id - 1) in allowed][:K]


def others(vectors: Vectors, queries: Vectors, recall: float) -> None:
    """Measure IndexFlatIP, hnswlib and usearch on the same vectors."""
    truth = exact_rows(vectors, queries, np.arange(len(vectors)))
    print(f"  IndexFlatIP             {_flat(vectors, queries[:50], truth[:50])}")
    for name, build in {"hnswlib": _hnswlib, "usearch": _usearch}.items():
        cpu = time.process_time()
        try:
            ask, size_bytes = build(vectors)
        except ImportError as error:
            print(f"  {name} is left out: {error}")
            continue
        cpu = time.process_time() - cpu
        for width in HNSW_SEARCH:
            figures = measured(partial(ask, width), queries, truth)
            if figures.recall >= recall or width == HNSW_SEARCH[-1]:
                print(
                    f"  {name}, width {width:4d}     {figures}  cpu {cpu:.0f} s to build, {size_bytes / 1e6:.0f} MB",
                    flush=True,
                )
                break


def _flat(vectors: Vectors, queries: Vectors, truth: list[set[int]]) -> Figures:
    flat = importlib.import_module("faiss").IndexFlatIP(DIM)
    for _, part in chunks(vectors):
        flat.add(part)
    return measured(lambda query: list(flat.search(query, K)[1][0]), queries, truth)


def _hnswlib(vectors: Vectors) -> tuple[Callable[[int, Vectors], list[int]], int]:
    graph = importlib.import_module("hnswlib").Index("ip", DIM)
    graph.init_index(len(vectors), M=HNSW_LINKS, ef_construction=HNSW_BUILD)
    for ids, part in chunks(vectors):
        graph.add_items(part, ids - 1)

    def ask(width: int, query: Vectors) -> list[int]:
        graph.set_ef(width)
        return list(graph.knn_query(query, K)[0][0])

    return ask, int(graph.index_file_size())


def _usearch(vectors: Vectors) -> tuple[Callable[[int, Vectors], list[int]], int]:
    module = importlib.import_module("usearch.index")
    graph = module.Index(ndim=DIM, metric="ip", dtype="f16", connectivity=HNSW_LINKS, expansion_add=HNSW_BUILD)
    for ids, part in chunks(vectors):
        graph.add(ids - 1, part)

    def ask(width: int, query: Vectors) -> list[int]:
        graph.expansion_search = width
        return list(graph.search(query[0], K).keys)

    return ask, int(graph.serialized_length)


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency, recall and size of vector search.")
    parser.add_argument("--photos", type=Path, help="a folder of pictures to fit the mixture to")
    parser.add_argument("--features", type=Path, help="an .npy file to keep the features of the pictures in")
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--graphs-up-to", type=int, default=1_000_000, help="hnswlib and usearch build for long beyond")
    options = parser.parse_args()
    if options.features is not None and options.features.exists():
        features = np.load(options.features)
    else:
        features = augmented_features(options.photos, rounds=13)
        if options.features is not None:
            np.save(options.features, features)
    real = reduced(features, DIM)
    mixture = Mixture.fit(real, COMPONENTS)
    like = mixture.sample(len(real), seed=1)
    print(f"intrinsic dimension: {intrinsic_dimension(real):.1f} of {len(real)} real vectors")
    print(f"{intrinsic_dimension(like):.1f} of as many drawn")
    print(f"{os.cpu_count()} cores, one thread a query, top {K}, {options.queries} queries")
    for count in options.count:
        drawn = mixture.sample(count + options.queries, seed=7)
        vectors, queries = rounded(drawn[:count]), drawn[count:].copy()
        del drawn
        print(f"{count:,} vectors of {DIM} dimensions, {vectors.nbytes / 1e6:.0f} MB as float16", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            ours(vectors, queries, Path(folder))
        if count <= options.graphs_up_to:
            others(vectors, queries, 0.97)


if __name__ == "__main__":
    main()
