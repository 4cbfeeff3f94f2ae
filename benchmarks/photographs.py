"""Makes a folder of large photographs to index: real pictures, cropped, turned about, enlarged and given grain.

python benchmarks/photographs.py OUT --from DIR [--count 2000] [--side 1500]

The same arguments give the same files. scikit-image's photographs at full size are among the sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
SAMPLES = ("astronaut", "cat", "chelsea", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
QUALITY = 90
GRAIN = 6.0
"""Deviation of the noise in levels of 255: an enlarged picture without it would take half the bytes of a camera's."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Large photographs made from small ones.")
    parser.add_argument("out", type=Path, help="the folder to fill, outside the repository")
    parser.add_argument("--from", dest="source", type=Path, required=True, help="a folder of real photographs")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=1500, help="the least length of the longer side; up to twice that")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = [path for path in sorted(options.source.iterdir()) if path.suffix.lower() in SUFFIXES]
    sources += list(_samples(options.out / ".samples"))
    make = partial(_make, options.out, sources, options.side)
    with ProcessPoolExecutor() as pool:
        sizes = list(pool.map(make, range(options.count), chunksize=16))
    print(f"{len(sizes)} photographs in {options.out}, {sum(sizes) / len(sizes) / 1000:.0f} kB each")


def _samples(folder: Path) -> Iterator[Path]:
    """Write scikit-image's own photographs, those it ships or has downloaded."""
    from skimage import data

    folder.mkdir(exist_ok=True)
    for name in SAMPLES:
        path = folder / f"{name}.png"
        if not path.is_file():
            try:
                pixels = getattr(data, name)()
            except Exception:
                continue  # not shipped, and there is no network
            Image.fromarray(np.asarray(pixels, dtype=np.uint8)).convert("RGB").save(path)
        yield path


def _make(out: Path, sources: list[Path], side: int, number: int) -> int:
    """Write photograph `number`; return its size in bytes."""
    path = out / f"{number % 20:02d}" / f"{number:05d}.jpg"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        _varied(sources[number % len(sources)], side, np.random.default_rng(number)).save(
            unfinished, "JPEG", quality=QUALITY
        )
        unfinished.replace(path)
    return path.stat().st_size


def _varied(source: Path, side: int, chance: np.random.Generator) -> Image.Image:
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    width, height = (round(length * chance.uniform(0.7, 1.0)) for length in picture.size)
    left, top = (
        int(chance.integers(0, whole - part + 1)) for whole, part in zip(picture.size, (width, height), strict=True)
    )
    scale = side * chance.uniform(1.0, 2.0) / max(width, height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    picture = picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if chance.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.8, 1.2))
    picture = ImageEnhance.Color(picture).enhance(chance.uniform(0.7, 1.3))
    grain = chance.standard_normal((size[1], size[0], 1), dtype=np.float32) * GRAIN
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
