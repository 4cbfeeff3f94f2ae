"""What indexing again costs when nothing has changed, and how that grows with the number of files.

python benchmarks/reindex.py [--counts 10000 30000 100000] [--rounds N] [--profile]

The files are sparse and their rows are written directly: a run over unchanged files opens neither.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import photoseek
from photoseek.library.catalog.changes import Change, ImageFacts, Indexed
from photoseek.library.embedders.base import ModelSpec
from photoseek.library.embedders.mini import squeezed
from photoseek.library.images.sources import FileState
from photoseek.library.settings import read_settings
from photoseek.library.store import Store
from photoseek.library.types import Pixels, Vectors

SPEC = ModelSpec("none@1", "none", 512, 260, 77, "benchmark", "none")
FILES_PER_FOLDER = 500
ROWS_PER_TRANSACTION = 5_000


class NoModel:
    """An embedder that is never asked for anything."""

    spec = SPEC

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop as the built-in model does."""
        return squeezed(image)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Never asked for."""
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Never asked for."""
        raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of indexing unchanged files again.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="also show where the time of the last count goes")
    options = parser.parse_args()
    first_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        photos, library = Path(folder) / "photos", Path(folder) / "library"
        made = 0
        for count in options.counts:
            _grow(photos, library, made, count)
            made = count
            walls, processor = zip(*(_again(photos, library, count) for _ in range(options.rounds)), strict=True)
            seconds = min(processor)
            first_s = first_s or seconds / count * options.counts[0]
            growth, more = seconds / first_s, count / options.counts[0]
            print(f"  {count:8,d} files: {min(walls):6.2f} s, processor {seconds:6.2f} s,")
            print(f"           {growth:.1f} times that of {options.counts[0]:,} files for {more:.1f} times as many")
        if options.profile:
            _profile(photos, library, made)


def _again(photos: Path, library: Path, count: int) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    with photoseek.open(library, model=NoModel()) as opened:
        report = opened.index(photos)
    if report != photoseek.IndexReport(unchanged=count):
        raise SystemExit(f"something has changed: {report}")
    return time.perf_counter() - wall, time.process_time() - processor


def _grow(photos: Path, library: Path, start: int, end: int) -> None:
    """Make files `start` to `end` and their rows."""
    vector = np.zeros(SPEC.dim, dtype=np.float32)
    vector[0] = 1
    with photoseek.open(library, model=NoModel()) as opened:
        photos.mkdir(exist_ok=True)
        if not start:
            opened.index(photos)  # makes the library
    store = Store.open(read_settings(library, "none"))
    model = store.catalog.ensure_model(SPEC)
    changes: list[Change] = []
    for number in range(start, end):
        path = photos / f"{number // FILES_PER_FOLDER:04d}" / f"IMG_{number:06d}.JPG"
        if number % FILES_PER_FOLDER == 0:
            path.parent.mkdir()
        with path.open("wb") as stream:
            stream.truncate(2_000_000 + number)
        status = path.stat()
        file = FileState(str(path), str(photos), status.st_size, status.st_mtime_ns)
        facts = ImageFacts(f"{number:040x}", 4000, 3000, "JPEG", 1, None, None, None, None)
        changes.append(Indexed(file, facts, vector, None, content_changed=False))
        if len(changes) == ROWS_PER_TRANSACTION or number == end - 1:
            store.catalog.apply(changes, model.id)
            changes = []
    store.vectors_of(model).publish_if_due()
    store.close()
    os.sync()


def _profile(photos: Path, library: Path, count: int) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(_again, photos, library, count)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
