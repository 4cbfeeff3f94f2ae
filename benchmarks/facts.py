"""What describing a picture costs beside decoding it: perceptual hash and colours, as shares of the decoding."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from PIL import Image

from photoseek.benchmarks.timing import spread, take_turns
from photoseek.library.images.colours import dominant_colours
from photoseek.library.images.decoding import decode
from photoseek.library.images.hashes import miniature, perceptual_hash

SIDE_PX = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of JPEGs")
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    paths = sorted(arguments.photos.rglob("*.jpg"))[: arguments.count]
    files = [path.read_bytes() for path in paths]
    pictures: list[Image.Image] = [decode(data, "", min_side_px=SIDE_PX).image for data in files]
    small = [miniature(picture) for picture in pictures]
    times_s = take_turns(
        {
            "decode, metadata within": lambda: [decode(data, "", min_side_px=SIDE_PX) for data in files],
            "miniature": lambda: [miniature(picture) for picture in pictures],
            "perceptual hash": lambda: [perceptual_hash(picture) for picture in small],
            "colours": lambda: [dominant_colours(picture) for picture in small],
        },
        rounds=5,
    )
    baseline = statistics.median(times_s["decode, metadata within"])
    for name, values in times_s.items():
        each_ms = 1000 * statistics.median(values) / len(files)
        share = statistics.median(values) / baseline
        print(f"{name:24} {spread(values)}  {each_ms:6.2f} ms each  {share:5.3f} of decoding")


if __name__ == "__main__":
    main()
