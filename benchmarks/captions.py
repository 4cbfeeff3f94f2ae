"""Measure the built-in captioner on captioned photographs, beside copying the nearest training photograph's caption.

    python benchmarks/captions.py FOLDER [--language zh]

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
from photoseek.rerank.caption_words import SPLITTERS
from photoseek.rerank.mini_captioner import BATCH, MiniCaptioner
from photoseek.rerank.mini_files import WEIGHTS
from photoseek.search.metrics import interval
from photoseek.training.caption_measures import bleu_counts, cider
from photoseek.training.captioned import Captioned, captions_in, has_split, read_captioned

RESAMPLES = 1_000


def seen_in(model: MiniEmbedder, photographs: Captioned) -> Iterator[Seen]:
    """Yield what the tower sees of some photographs after the other."""
    for start in range(0, len(photographs.names), BATCH):
        numbers = range(start, min(start + BATCH, len(photographs.names)))
        yield model.look(np.stack([model.preprocess(photographs.picture(number)) for number in numbers]))


def pooled_in(model: MiniEmbedder, photographs: Captioned) -> Vectors:
    """Return the photographs' (n, 1280) features at length 1."""
    return normalized(np.concatenate([seen.features for seen in seen_in(model, photographs)]))


def tell(name: str, captions: Sequence[str], references: Sequence[Sequence[str]], language: str) -> None:
    """Print both measures of some captions, each with its 95% bootstrap interval over photographs."""
    split = SPLITTERS[language]
    counts, likeness = bleu_counts(captions, references, split=split), cider(captions, references, split)
    drawn = np.random.default_rng(0).integers(len(captions), size=(RESAMPLES, len(captions)))
    low, high = np.percentile([counts.bleu(one) for one in drawn], [2.5, 97.5])
    print(f"{name:>22}  BLEU-4  {counts.bleu():.3f}  [{low:.3f}, {high:.3f}]")
    low, high = interval(likeness.astype(np.float64))
    print(f"{name:>22}  CIDEr   {likeness.mean():.3f}  [{low:.3f}, {high:.3f}]", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", choices=sorted(SPLITTERS), default="en", help="zh counts characters as words")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="another captioner's files")
    options = parser.parse_args()
    language: str = options.language
    val, references = read_split(options.folder, "val", language)
    model = MiniEmbedder()
    captioner = MiniCaptioner(model, options.weights)
    said: list[str] = []
    decoder: list[str] = []
    features = []
    seconds = 0.0
    joint = " " if language == "en" else ""
    for seen in seen_in(model, val):
        start = time.perf_counter()
        said += captioner.captions_of(seen, language)
        seconds += time.perf_counter() - start
        decoder += [joint.join(captioner.words_of(ends[0], language)) for ends in captioner.written(seen, language)]
        features.append(seen.features)
    tell("captions", said, references, language)
    tell("decoder alone", decoder, references, language)
    split = SPLITTERS[language]
    named = sum(split(one) != split(alone) for one, alone in zip(said, decoder, strict=True))
    print(f"named, or captioned otherwise than the decoder liked best: {named} of {len(said)}")
    print(f"{len(said) / seconds:.1f} captions a second beyond the image tower")
    if has_split(options.folder, "train"):
        train, copied = read_split(options.folder, "train", language)
        nearest = (normalized(np.concatenate(features)) @ pooled_in(model, train).T).argmax(axis=1)
        tell("nearest photograph's", [copied[one][0] for one in nearest], references, language)


def read_split(folder: Path, split: str, language: str) -> tuple[Captioned, Sequence[Sequence[str]]]:
    """Return a split's photographs, and their captions in a language."""
    photographs = read_captioned(folder, split)
    return photographs, photographs.captions if language == "en" else captions_in(folder, split, language, photographs)


if __name__ == "__main__":
    main()
