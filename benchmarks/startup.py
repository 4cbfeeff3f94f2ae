"""How long a cold `photoseek search` takes as a whole process, against importing what it cannot do without.

    python benchmarks/startup.py --photos DIR [--rounds N] [--count 50000]

The library is made in a temporary folder from the pictures in DIR, with the built-in model. With --count, rows with
vectors drawn at random, which cost a search as much as real ones, fill it up to so many. Processor time is told beside
wall-clock time: on a machine shared with others it is the one to compare.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

import photoseek
from photoseek.benchmarks.timing import ratio, spread, take_turns
from photoseek.library.catalog.changes import ImageFacts, Indexed
from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.mini import read_manifest
from photoseek.library.images.sources import FileState
from photoseek.library.settings import read_settings
from photoseek.library.store import Store
from photoseek.library.types import Vectors

BLOCK_ROWS = 5_000
MINI_DIM = read_manifest().dim
_IMPORTS = "import numpy, onnxruntime, sqlalchemy, tokenizers, PIL.Image, click"


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole-process time of a cold text search.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of pictures to index")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=0, help="fill the library up to so many images")
    options = parser.parse_args()
    photoseek_command = str(Path(sys.executable).with_name("photoseek"))
    with tempfile.TemporaryDirectory() as folder:
        with photoseek.open(folder) as library:
            library.index([options.photos])
        images = filled(Path(folder), options.count, _drawn_at_random)
        search = [photoseek_command, "search", "wild big cat", "-k", "5", "--library", folder]
        times_s = take_turns(
            {
                "python starts": lambda: _run([sys.executable, "-c", "pass"]),
                "its imports": lambda: _run([sys.executable, "-c", _IMPORTS]),
                "photoseek --version": lambda: _run([photoseek_command, "--version"]),
                "photoseek search": lambda: _run(search),
            },
            options.rounds,
        )
        cpu_s = [_cpu_s(search) for _ in range(options.rounds)]
    print(f"cold start, whole process, {images:,} images, model mini, {options.rounds} rounds")
    for name, values in times_s.items():
        print(f"  {name:20s} {spread(values)}  {ratio(values, times_s['its imports']):5.2f} x its imports")
    print(f"  {'search, processor':20s} {spread(cpu_s)}")


def _cpu_s(command: list[str]) -> float:
    """Run a command and return the processor time, user's and system's, that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def filled(folder: Path, count: int, draw: Callable[[int], Vectors]) -> int:
    """Add rows until the library holds `count`, and the index they call for; return how many images it has.

    `draw` returns so many vectors, (n, dim) L2-normalised float32.
    """
    with closing(Store.open(read_settings(folder))) as store:
        model = store.catalog.models()[0]
        have = store.catalog.counts().images
        for start in range(have, count, BLOCK_ROWS):
            rows = range(start, min(start + BLOCK_ROWS, count))
            some = [_row(row, vector) for row, vector in zip(rows, draw(len(rows)), strict=True)]
            store.catalog.apply(some, model.id)
        store.vectors_of(model).publish_if_due()
        return store.catalog.counts().images


def _drawn_at_random(count: int) -> Vectors:
    return normalized(np.random.default_rng(count).standard_normal((count, MINI_DIM), dtype=np.float32))


def _row(number: int, vector: Vectors) -> Indexed:
    facts = ImageFacts(f"{number:040x}", 640, 480, "JPEG", 1, None, None, None, None)
    file = FileState(f"/synthetic/{number:08d}.jpg", "/synthetic", 100_000, 0)
    return Indexed(file, facts, vector, None, content_changed=False)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
