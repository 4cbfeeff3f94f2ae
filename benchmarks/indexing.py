"""How near indexing comes to the bare encoder: images/s of `index` against `embed_images` on ready pixels.

python benchmarks/indexing.py --photos DIR [--model NAME | --device-ms MS] [--count N] [--rounds N] [--workers N]
python benchmarks/indexing.py --photos DIR --memory 500 2000

On a machine whose encoder runs on the same cores as the decoding, the two share them: `bound` is the share of the bare
encoder's rate that no order of the work could exceed, from the processor time that each takes. `--device-ms` stands in
for an encoder on a device of its own, which takes so many milliseconds an image and no core. Where other programs take
turns on the cores, clocks tell of them too: the shares of processor time at the end are the figures to compare.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

import photoseek
from photoseek.benchmarks.timing import ratio, spread, take_turns
from photoseek.indexer.discover import discover
from photoseek.indexer.load import Loaded, Loader
from photoseek.indexer.plan import ToRead
from photoseek.library.embedders.base import Embedder, ModelSpec, Preprocess
from photoseek.library.embedders.mini import squeezed
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.images.sources import FileState
from photoseek.library.types import Pixels, Vectors


class Device:
    """An encoder on a device of its own: it takes its time, and no core."""

    def __init__(self, image_ms: float) -> None:
        self._image_s = image_ms / 1000
        self.spec = ModelSpec(f"device@{image_ms}", "device", 64, 260, 77, "benchmark", "none")

    @property
    def preprocessing(self) -> Preprocess:
        """That of the built-in model."""
        return squeezed

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop as the built-in model does."""
        return squeezed(image)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Wait, and answer with vectors that are all the same."""
        time.sleep(self._image_s * len(pixels))
        vectors = np.zeros((len(pixels), self.spec.dim), dtype=np.float32)
        vectors[:, 0] = 1
        return vectors

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Never asked for."""
        raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description="Indexing's rate as a share of the bare encoder's.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of pictures to index")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--device-ms", type=float, help="in place of a model, one that takes so long an image")
    parser.add_argument("--count", type=int, default=500, help="how many of the pictures")
    parser.add_argument("--batch-size", type=int, default=photoseek.IndexOptions().batch_size)
    parser.add_argument("--workers", type=int, default=photoseek.IndexOptions().workers)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", metavar="N", help="peak memory with so many pictures instead")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    embedder: Embedder = Device(options.device_ms) if options.device_ms else load_embedder(options.model)
    files = _files(options.photos, options.count)
    if options.once:
        _index(embedder, files, options.batch_size, options.workers)
        print(_peak_bytes(resource.RUSAGE_SELF), _peak_bytes(resource.RUSAGE_CHILDREN))
    elif options.memory:
        for count in options.memory:
            print(f"  {count:6d} images: {_peak(count)}")
    else:
        _compare(embedder, files, options)


def _compare(embedder: Embedder, files: list[FileState], options: argparse.Namespace) -> None:
    pixels, decode_s = _ready_pixels(embedder, files)
    encode_s = _processor_s(lambda: _bare(embedder, pixels, options.batch_size))
    whole_s = _processor_s(lambda: _index(embedder, files, options.batch_size, options.workers))
    candidates = {
        "bare encoder": lambda: _bare(embedder, pixels, options.batch_size),
        "index": lambda: _index(embedder, files, options.batch_size, options.workers),
    }
    times_s = take_turns(candidates, options.rounds)
    share = 1 / ratio(times_s["index"], times_s["bare encoder"])
    name = embedder.spec.name
    print(
        f"{len(pixels)} images, {name}, batch {options.batch_size}, {options.workers} workers, {options.rounds} rounds"
    )
    for label, values in times_s.items():
        print(f"  {label:14s} {spread(values)}  {len(pixels) / sorted(values)[len(values) // 2]:6.1f} images/s")
    bare_s = sorted(times_s["bare encoder"])[options.rounds // 2]
    bound = min(1.0, bare_s * (os.cpu_count() or 1) / (encode_s + decode_s))
    each = 1000 / len(pixels)
    print(f"  indexing runs at {share:.2f} of the bare encoder's rate; bound {bound:.2f}")
    rest_s = whole_s - encode_s - decode_s
    print(
        f"  processor time an image: {whole_s * each:.1f} ms, of which encoder {encode_s * each:.1f},"
        f" reading and decoding {decode_s * each:.1f}, all else {rest_s * each:.1f}"
    )
    bound = encode_s / (encode_s + decode_s)
    print(f"  encoder's share of the processor time {encode_s / whole_s:.2f}; without all else it would be {bound:.2f}")


def _bare(embedder: Embedder, pixels: Pixels, batch_size: int) -> None:
    for start in range(0, len(pixels), batch_size):
        embedder.embed_images(pixels[start : start + batch_size])


def _index(embedder: Embedder, files: list[FileState], batch_size: int, workers: int) -> None:
    options = photoseek.IndexOptions(batch_size=batch_size, workers=workers)
    with tempfile.TemporaryDirectory() as folder, photoseek.open(folder, model=embedder) as library:
        report = library.index([file.path for file in files], options)
        if report.new != len(files):
            raise SystemExit(f"not every picture is a new one: {report}")


def _files(folder: Path, count: int) -> list[FileState]:
    found = (found for found in discover(str(folder.resolve())) if isinstance(found, FileState))
    return list(islice(found, count))


def _ready_pixels(embedder: Embedder, files: list[FileState]) -> tuple[Pixels, float]:
    """(n, side, side, 3) uint8 of all pictures, and the processor time that took, in seconds."""
    loader = Loader(embedder.preprocess, embedder.spec.image_size)
    loaded: list[Pixels] = []

    def load() -> None:
        for file in files:
            result = loader.load(ToRead(file, None))
            if isinstance(result, Loaded):
                loaded.append(result.pixels)

    seconds = _processor_s(load)
    return np.stack(loaded), seconds


def _processor_s(work: Callable[[], None]) -> float:
    """Processor time of `work`, that of the processes it has started and seen end included."""
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def _peak(count: int) -> str:
    """Index `count` pictures in a process of its own; word its peak, and that of the largest process under it."""
    command = [sys.executable, *sys.argv[: sys.argv.index("--memory")], "--once", "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    own, child = (int(word) / 1e6 for word in done.stdout.split())
    return f"peak {own:.0f} MB, and {child:.0f} MB in the largest decoding process"


def _peak_bytes(whose: int) -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(whose).ru_maxrss * unit


if __name__ == "__main__":
    main()
