"""Measure the built-in captioner on captioned photographs, beside copying the nearest training photograph's caption.

    python benchmarks/captions.py FOLDER

The folder is laid out as training/captioned.py says; the captions of its split `val` are what is compared with, and
those of `train` what the baseline copies. Both are printed with 95% bootstrap intervals over photographs, and how many
captions a second this machine writes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.mini import MiniEmbedder, Seen
from photoseek.library.types import Vectors
from photoseek.rerank.caption_words import words_of
from photoseek.rerank.mini_captioner import BATCH, MiniCaptioner
from photoseek.search.metrics import interval
from photoseek.training.caption_measures import bleu, cider
from photoseek.training.captioned import Captioned, has_split, read_captioned

RESAMPLES = 200


def seen_in(model: MiniEmbedder, photographs: Captioned) -> Iterator[Seen]:
    """Yield what the tower sees of some photographs after the other."""
    for start in range(0, len(photographs.names), BATCH):
        numbers = range(start, min(start + BATCH, len(photographs.names)))
        yield model.look(np.stack([model.preprocess(photographs.picture(number)) for number in numbers]))


def pooled_in(model: MiniEmbedder, photographs: Captioned) -> Vectors:
    """Return the photographs' (n, 1280) features at length 1."""
    return normalized(np.concatenate([seen.features for seen in seen_in(model, photographs)]))


def bleu_interval(captions: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Return the 95% bootstrap interval of BLEU-4, which is no mean of the photographs'."""
    chance = np.random.default_rng(0)
    drawn = [chance.integers(len(captions), size=len(captions)) for _ in range(RESAMPLES)]
    found = [bleu([captions[one] for one in draw], [references[one] for one in draw]) for draw in drawn]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def tell(name: str, captions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Print both measures of some captions."""
    likeness = cider(captions, references)
    low, high = bleu_interval(captions, references)
    print(f"{name:>22}  BLEU-4  {bleu(captions, references):.3f}  [{low:.3f}, {high:.3f}]")
    low, high = interval(likeness.astype(np.float64))
    print(f"{name:>22}  CIDEr   {likeness.mean():.3f}  [{low:.3f}, {high:.3f}]", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="another captioner's files")
    options = parser.parse_args()
    val = read_captioned(options.folder, "val")
    model = MiniEmbedder()
    captioner = MiniCaptioner(model) if options.weights is None else MiniCaptioner(model, options.weights)
    said: list[str] = []
    decoder: list[str] = []
    features = []
    seconds = 0.0
    for seen in seen_in(model, val):
        start = time.perf_counter()
        said += captioner.captions_of(seen)
        seconds += time.perf_counter() - start
        decoder += [" ".join(captioner.words_of(ends[0])) for ends in captioner.written(seen)[1]]
        features.append(seen.features)
    tell("captions", said, val.captions)
    tell("decoder alone", decoder, val.captions)
    hedged = sum(len(words_of(one)) <= 4 for one in said)
    print(f"named instead of captioned: {hedged} of {len(said)}")
    print(f"{len(said) / seconds:.1f} captions a second beyond the image tower")
    if has_split(options.folder, "train"):
        train = read_captioned(options.folder, "train")
        nearest = (normalized(np.concatenate(features)) @ pooled_in(model, train).T).argmax(axis=1)
        tell("nearest photograph's", [train.captions[one][0] for one in nearest], val.captions)


if __name__ == "__main__":
    main()
