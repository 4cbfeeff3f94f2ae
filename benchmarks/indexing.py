"""How near indexing comes to the bare encoder: images/s of `index` against `embed_images` on ready pixels.

python benchmarks/indexing.py --photos DIR [--model NAME] [--rounds N]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import photoseek
from photoseek.benchmarks.timing import ratio, spread, take_turns
from photoseek.indexer.discover import discover
from photoseek.library.changes import FileState
from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.images import decode
from photoseek.library.types import Pixels


def main() -> None:
    parser = argparse.ArgumentParser(description="Indexing's rate as a share of the bare encoder's.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of pictures to index")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    embedder = load_embedder(options.model)
    pixels = _ready_pixels(embedder, options.photos)

    def bare() -> None:
        for start in range(0, len(pixels), options.batch_size):
            embedder.embed_images(pixels[start : start + options.batch_size])

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder, photoseek.open(folder, model=embedder) as library:
            library.index([options.photos], photoseek.IndexOptions(batch_size=options.batch_size))

    times_s = take_turns({"bare encoder": bare, "index": whole}, options.rounds)
    share = 1 / ratio(times_s["index"], times_s["bare encoder"])
    print(f"indexing {len(pixels)} images, {options.model}, batch {options.batch_size}, {options.rounds} rounds")
    for name, values in times_s.items():
        print(f"  {name:14s} {spread(values)}  {len(pixels) / sorted(values)[len(values) // 2]:6.1f} images/s")
    print(f"  indexing runs at {share:.2f} of the bare encoder's rate")


def _ready_pixels(embedder: Embedder, folder: Path) -> Pixels:
    """(n, side, side, 3) uint8 of all pictures in `folder`."""
    files = [Path(found.path) for found in discover(str(folder.resolve())) if isinstance(found, FileState)]
    side_px = embedder.spec.image_size
    decoded = (decode(file.read_bytes(), str(file), min_side_px=side_px) for file in files)
    return np.stack([embedder.preprocess(picture.image) for picture in decoded])


if __name__ == "__main__":
    main()
