"""How long an open library takes from words to hits with all that is known of them, part by part.

    python benchmarks/resident.py --features FILE [--count 100000] [--library DIR]

FILE is what `benchmarks/search.py --features FILE` keeps. The library's vectors are drawn from the mixture fitted to
it, in the dimension of the built-in model; the words are everyday ones, each asked for once, so that none is
remembered. Time is told by wall clock and processor, of one query at a time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

import photoseek
from photoseek.benchmarks.mixture import Mixture, reduced
from photoseek.benchmarks.search import COMPONENTS, K
from photoseek.benchmarks.startup import MINI_DIM, filled
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.settings import read_settings
from photoseek.library.store import Store
from photoseek.search.describe import Vocabulary

WARM_UP = 10

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def main() -> None:
    parser = argparse.ArgumentParser(description="Resident search, from words to hits.")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--library", type=Path, help="where to make the library, and to find it next time")
    options = parser.parse_args()
    mixture = Mixture.fit(reduced(np.load(options.features), MINI_DIM), COMPONENTS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.library or Path(temporary) / "library"
        first = Path(temporary) / "photos" / "first.png"
        first.parent.mkdir()
        Image.new("RGB", (64, 64), "red").save(first)
        with photoseek.open(folder) as library:
            library.index(first.parent)
        seeds = iter(range(1_000_000))
        images = filled(folder, options.count, lambda count: mixture.sample(count, seed=next(seeds)))
        _tell(folder, images, Vocabulary.neutral().labels[: options.queries + WARM_UP])


def _tell(folder: Path, images: int, texts: Sequence[str]) -> None:
    print(f"{images:,} images, model mini, {len(texts) - WARM_UP} queries, top {K}")
    with photoseek.open(folder) as library:
        _, times = _timed(lambda text: library.search(text, k=K), texts)
    print(f"  words to hits  {times}")
    with closing(Store.open(read_settings(folder))) as store:
        model, live = load_embedder("mini"), store.vectors_of(store.catalog.models()[0])
        vectors, times = _timed(lambda text: model.embed_texts([text]), texts)
        print(f"  embed          {times}")
        found, times = _timed(lambda vector: live.search(vector, K)[0], vectors)
        print(f"  find           {times}")
        _, times = _timed(lambda matches: store.catalog.images([match.image_id for match in matches]), found)
        print(f"  read rows      {times}")


def _timed(function: Callable[[Asked], Answer], questions: Sequence[Asked]) -> tuple[list[Answer], str]:
    answers, wall_s, cpu_s = [], [], []
    for question in questions:
        wall, cpu = time.perf_counter(), time.process_time()
        answers.append(function(question))
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    p50, p95 = np.quantile(wall_s[WARM_UP:], [0.5, 0.95]) * 1000
    return answers, f"p50 {p50:6.2f} ms  p95 {p95:6.2f} ms  cpu {np.median(cpu_s[WARM_UP:]) * 1000:6.2f} ms"


if __name__ == "__main__":
    main()
