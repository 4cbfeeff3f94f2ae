"""How far apart copies and different pictures lie: what the thresholds of `photoseek duplicates` are chosen by.

python benchmarks/duplicates.py --photos FOLDER [--count N] [--model NAME]

Prints, for each way of altering a picture, the cosine and the hash bits that 50, 90 and 99 of 100 copies keep within;
and for pictures of the folder that are not copies of one another, how near the nearest of them come.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from photoseek.library.embedders.base import Embedder
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.images.decoding import decode
from photoseek.library.images.hashes import hash_distance, perceptual_hash
from photoseek.library.types import Vectors

THRESHOLDS = (0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
BITS = (4, 6, 8, 10, 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="pictures that are altered; all are compared")
    parser.add_argument("--model", default="mini")
    options = parser.parse_args()
    embedder = load_embedder(options.model)
    pictures = [decode(file.read_bytes(), file.name).image for file in sorted(options.photos.iterdir())]
    vectors = embedded(embedder, pictures)
    hashes = [perceptual_hash(picture) for picture in pictures]
    print(f"{len(pictures)} pictures, model {embedder.spec.name}; found at cosine >= {THRESHOLDS}; bits <= {BITS}")
    for name, alter in ALTERATIONS.items():
        copies = [alter(picture) for picture in pictures[: options.count]]
        cosines = (embedded(embedder, copies) * vectors[: options.count]).sum(axis=1)
        bits = np.array([hash_distance(perceptual_hash(copy), hashes[place]) for place, copy in enumerate(copies)])
        print(f"{name:16}", quantiles(cosines), *(f"{(cosines >= least).mean():6.1%}" for least in THRESHOLDS), end="")
        print("  | bits", *(f"{(bits <= most).mean():6.1%}" for most in BITS))
    rows, columns = np.triu_indices(len(pictures), k=1)
    between = (vectors @ vectors.T)[rows, columns]
    apart = np.array([hash_distance(hashes[row], hashes[column]) for row, column in zip(rows, columns, strict=True)])
    print(f"pairs of different pictures, of {len(between):,}:", *(f">={t}: {(between >= t).sum()}" for t in THRESHOLDS))
    print("  by hash alone:", *(f"<={most}: {(apart <= most).sum()}" for most in BITS))
    print("  nearest:", [f"{between[place]:.3f}/{apart[place]}" for place in np.argsort(-between)[:20]])


def embedded(embedder: Embedder, pictures: list[Image.Image]) -> Vectors:
    pixels = (embedder.preprocess(picture)[np.newaxis] for picture in pictures)
    return np.concatenate([embedder.embed_images(one) for one in pixels])


def quantiles(cosines: Vectors) -> str:
    return "/".join(f"{np.quantile(cosines, 1 - share):.3f}" for share in (0.5, 0.9, 0.99))


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def cropped(picture: Image.Image, kept: float) -> Image.Image:
    width, height = picture.size
    left, top = int(width * (1 - kept) / 2), int(height * (1 - kept) / 2)
    return picture.crop((left, top, width - left, height - top))


def _alterations() -> Iterator[tuple[str, Callable[[Image.Image], Image.Image]]]:
    yield "JPEG 75", lambda picture: recompressed(picture, 75)
    yield "JPEG 30", lambda picture: recompressed(picture, 30)
    yield "half size", lambda picture: picture.resize((picture.width // 2, picture.height // 2))
    yield "brighter by 20%", lambda picture: ImageEnhance.Brightness(picture).enhance(1.2)
    yield "grey", lambda picture: ImageOps.grayscale(picture).convert("RGB")
    yield "mirrored", ImageOps.mirror
    yield "crop of 90%", lambda picture: cropped(picture, 0.9)
    yield "crop of 75%", lambda picture: cropped(picture, 0.75)


ALTERATIONS = dict(_alterations())

if __name__ == "__main__":
    main()
