"""What takes long in a large library: filtered searches from words to hits, duplicates, and an answer of every image.

    python benchmarks/large.py --features FILE [--count 200000] [--library DIR] [--only filters,duplicates,answer]

FILE is what `benchmarks/search.py --features FILE` keeps: the vectors are drawn from the mixture fitted to it. Rows
have dates, cameras, sizes and folders; one image in a hundred is a near copy of another. Filters are compared with what
they cost when all they let through is read from SQL and searched among, in the same run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import photoseek
from photoseek.benchmarks.mixture import Mixture, reduced
from photoseek.benchmarks.search import COMPONENTS, K
from photoseek.benchmarks.startup import BLOCK_ROWS, MINI_DIM
from photoseek.library.catalog.changes import ImageFacts, Indexed
from photoseek.library.catalog.conditions import Condition
from photoseek.library.embedders.base import normalized
from photoseek.library.images.sources import FileState
from photoseek.library.settings import read_settings
from photoseek.library.store import Store
from photoseek.library.types import Vectors
from photoseek.library.vectors.index import Selection
from photoseek.library.vectors.live_vectors import LiveVectors
from photoseek.search.describe import Vocabulary

COPIED_EVERY = 100
FILTERS = {
    "broad, another each time": "taken_at >= 2005-01-01 and width > {number}",
    "broad, the same": "width > 1000",
    "one in 50, the same": "path ~ '*/trip 7/*'",
    "one in 500, another each time": "path ~ '*/trip {trip}/*' and size_bytes < 1090000",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Filters, duplicates and long answers of a large library.")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--library", type=Path, help="where to make the library, and to find it next time")
    parser.add_argument("--only", default="filters,duplicates,answer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.library or Path(temporary) / "library"
        if not folder.exists():
            _make(folder, options.features, options.count)
        if "filters" in options.only:
            _filters(folder, Vocabulary.neutral().labels[: options.queries])
        if "duplicates" in options.only:
            _duplicates(folder)
        if "answer" in options.only:
            _answer(folder, options.count)


def _make(folder: Path, features: Path, count: int) -> None:
    mixture = Mixture.fit(reduced(np.load(features), MINI_DIM), COMPONENTS)
    with tempfile.TemporaryDirectory() as photos, photoseek.open(folder) as library:
        Image.new("RGB", (64, 64), "red").save(Path(photos) / "first.png")
        library.index(photos)
    with closing(Store.open(read_settings(folder))) as store:
        model = store.catalog.models()[0]
        for start in range(0, count, BLOCK_ROWS):
            vectors = mixture.sample(min(BLOCK_ROWS, count - start), seed=start)
            copies = vectors[::COPIED_EVERY] + 0.01 * normalized(mixture.sample(len(vectors[::COPIED_EVERY]), seed=1))
            vectors[1::COPIED_EVERY] = normalized(copies)[: len(vectors[1::COPIED_EVERY])]
            store.catalog.apply([_row(start + place, vector) for place, vector in enumerate(vectors)], model.id)
        store.vectors_of(model).publish_if_due()


def _row(number: int, vector: Vectors) -> Indexed:
    chance = np.random.default_rng(number)
    facts = ImageFacts(
        content_hash=f"{number:040x}",
        width=int(chance.choice([640, 1920, 4000, 6000])),
        height=1080,
        format="JPEG",
        orientation=1,
        taken_at=datetime(2000, 1, 1) + timedelta(days=int(chance.integers(0, 9_000))),
        camera=str(chance.choice(["Canon EOS R5", "Apple iPhone 13", "NIKON D750"])),
        latitude=float(chance.uniform(-60, 70)),
        longitude=float(chance.uniform(-180, 180)),
        lens="EF24-70mm f/2.8L II USM",
        colours="blue white grey",
        perceptual_hash=int(chance.integers(-(2**63), 2**63 - 1)),
    )
    path = f"/home/anna/Pictures/trip {number % 50}/IMG_{number:08d}.jpg"
    file = FileState(path, "/home/anna/Pictures", 1_000_000 + int(chance.integers(0, 900_000)), 0)
    return Indexed(file, facts, vector, None, content_changed=False)


def _filters(folder: Path, texts: Sequence[str]) -> None:
    with photoseek.open(folder) as library, closing(Store.open(read_settings(folder))) as store:
        live = store.vectors_of(store.catalog.models()[0])
        vector = normalized(np.random.default_rng(0).standard_normal((1, live.dim), dtype=np.float32))
        conditions = {
            name: [photoseek.parse_filter(form.format(number=600 + n, trip=n % 50)) for n in range(len(texts))]
            for name, form in FILTERS.items()
        }
        library.search(texts[0])
        queries = [photoseek.parse_terms(text) for text in texts]
        for text in texts:  # words are remembered: what filters cost is what is asked
            library.search(text)
        _print("no filter", _timed([partial(library.search, photoseek.Query(terms)) for terms in queries]))
        for name, own in conditions.items():
            asked = [photoseek.Query(terms, where) for terms, where in zip(queries, own, strict=True)]
            times = _timed([partial(library.search, query) for query in asked])
            _print(name, times, _timed([partial(_all_of_it, store, live, vector, where) for where in own]))


def _all_of_it(store: Store, live: LiveVectors, vector: Vectors, where: Condition) -> None:
    allowed = Selection.only(store.catalog.matching_ids(where))
    store.catalog.images([match.image_id for match in live.search(vector, K, allowed)[0]])


def _timed(asked: Sequence[Callable[[], object]]) -> tuple[list[float], list[float]]:
    wall_s, cpu_s = [], []
    for ask in asked:
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    return wall_s[2:], cpu_s[2:]


def _print(
    name: str, times: tuple[list[float], list[float]], whole: tuple[list[float], list[float]] | None = None
) -> None:
    wall, cpu = (1000 * np.median(one) for one in times)
    line = f"  {name:30s} p50 {wall:7.2f} ms  cpu {cpu:7.2f} ms"
    if whole is not None:
        line += (
            f"  | all of it read: cpu {1000 * np.median(whole[1]):7.2f} ms, {np.median(whole[1]) * 1000 / cpu:5.1f} x"
        )
    print(line, flush=True)


def _duplicates(folder: Path) -> None:
    with photoseek.open(folder) as library:
        wall, cpu = time.perf_counter(), time.process_time()
        groups = library.duplicates()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pairs = sum(len(group.images) - 1 for group in groups)
    print(f"  duplicates: {wall:.1f} s, cpu {cpu:.1f} s, {pairs:,} copies found", flush=True)


def _answer(folder: Path, count: int) -> None:
    """Ask for every image in a process of its own, which tells its peak memory at its end; on Linux."""
    code = (
        "import atexit, sys; from photoseek.cli.main import main; "
        "atexit.register(lambda: sys.stderr.write(open('/proc/self/status').read())); main()"
    )
    command = [sys.executable, "-c", code, "search", "a dog", "-k", str(count), "--json", "--library", str(folder)]
    wall = time.perf_counter()
    before = os.times()
    with tempfile.TemporaryFile() as answer:
        done = subprocess.run(command, stdout=answer, stderr=subprocess.PIPE, text=True, check=True)
        size_bytes = answer.seek(0, os.SEEK_END)
    after, wall = os.times(), time.perf_counter() - wall
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    peak = next(line.split(maxsplit=1)[1] for line in done.stderr.splitlines() if line.startswith("VmHWM"))
    print(f"  -k {count} --json: {wall:.1f} s, cpu {cpu:.1f} s, peak {peak}, {size_bytes / 1e6:.0f} MB of answer")


if __name__ == "__main__":
    main()
