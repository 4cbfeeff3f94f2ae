"""Calibrate the built-in judge, and write the manifest that pins it and the captioner.

python -m photoseek.training.rerank_manifest --captions DIR
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import normalized
from ..library.embedders.mini import WEIGHTS as EMBEDDER_WEIGHTS
from ..library.embedders.mini import MiniEmbedder
from ..library.embedders.mini_places import FILE_NAME, KeptPlaces
from ..rerank.caption_words import words_of
from ..rerank.mini_files import FILES, OTHER_LANGUAGES, WEIGHTS, MiniManifest, language_files
from ..rerank.mini_judge import MiniJudge
from .caption_names import plural
from .changed import BEINGS, GROUPS
from .kept import kept_of, write_kept
from .seen import Seen, read_seen

VERSION = "1"
SOURCE = (
    "taught by photoseek's training/ on what EfficientNet-Lite2 sees of captioned photographs and all-MiniLM-L6-v2 "
    "reads of their captions; words of things from WordNet 3.0"
)
LICENCE = "Apache-2.0; the captions' own terms are in NOTICE"

ASKED = 150
"""So many captions, each of its own photograph and of those most like it, fit the curve."""

NEIGHBOURS = 15

WORD_PHOTOGRAPHS = 20
"""So many photographs of each word, and OTHERS times as many without it, fit the curve of single words."""

OTHERS = 3

DEFAULT_WORDS = (1.0, -2.0)
"""Where no photograph is captioned with any of the words."""

Curve: TypeAlias = tuple[float, float]
"""Scale and shift."""


def main() -> None:
    """Calibrate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=Path, required=True, help="folder of captioned photographs")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for what the towers say")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder of the captioner's and the judge's files")
    parser.add_argument("--embedder", type=Path, default=EMBEDDER_WEIGHTS, help="folder of the built-in model")
    arguments = parser.parse_args()
    model = MiniEmbedder(threads=1, folder=arguments.embedder)
    train = read_seen(model, arguments.captions, arguments.cache, "train")
    print(json.dumps(write_kept(arguments.embedder / FILE_NAME, train)))
    write_manifest(arguments.into, model, (1.0, 0.0), (1.0, 0.0))
    judge = MiniJudge(model, folder=arguments.into)
    val = read_seen(model, arguments.captions, arguments.cache, "val")
    manifest = write_manifest(arguments.into, model, calibrated(judge, val), calibrated_words(judge, val))
    print(json.dumps(asdict(manifest), indent=1))


def write_manifest(folder: Path, model: MiniEmbedder, sentence: Curve, word: Curve) -> MiniManifest:
    """Hash the files of a folder and write its manifest, with the curves of sentences and of single words."""
    manifest = MiniManifest(
        version=VERSION,
        source=SOURCE,
        licence=LICENCE,
        towers={name: model.manifest.files[name] for name in ("image_tower.onnx", "text_tower.onnx")},
        files={name: _hash(folder / name) for name in files_in(folder)},
        judge_scale=round(sentence[0], 4),
        judge_shift=round(sentence[1], 4),
        judge_word_scale=round(word[0], 4),
        judge_word_shift=round(word[1], 4),
    )
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def files_in(folder: Path) -> list[str]:
    """Return the names of what every installation has, and of what each further language needs where it is there."""
    others = [name for language in OTHER_LANGUAGES for name in language_files(language) if (folder / name).exists()]
    return [*FILES, *others]


def calibrated(judge: MiniJudge, val: Seen) -> Curve:
    """Return scale and shift that make a chance of a score, by captions asked of their own picture and its like."""
    kept = kept_of(val, judge.keeper)
    pooled = normalized(val.photographs.pooled[: val.photographs.count].astype(np.float32))
    scores, is_own = [], []
    for number in np.linspace(0, val.photographs.count - 1, ASKED).astype(int):
        like = np.argsort(-(pooled @ pooled[number]))[: NEIGHBOURS + 1]
        asked = KeptPlaces(kept.places[like], kept.whole[like])
        captions = val.captions[number]
        scores.append(judge.scores(asked, captions[number % len(captions)]))
        is_own.append(like == number)
    return fitted(np.concatenate(scores).astype(np.float64), np.concatenate(is_own))


def calibrated_words(judge: MiniJudge, val: Seen) -> Curve:
    """Return scale and shift for single words, by those that two captions of a photograph say, and those that none."""
    kept, chance = kept_of(val, judge.keeper), np.random.default_rng(0)
    said = [[set(words_of(caption)) for caption in captions] for captions in val.captions]
    scores, is_match = [], []
    for word in [*BEINGS[0], *BEINGS[1], *(word for group in GROUPS["object"] for word in group)]:
        times = np.array([sum(bool({word, plural(word)} & words) for words in captions) for captions in said])
        shown = chance.permutation(np.flatnonzero(times >= 2))[:WORD_PHOTOGRAPHS]
        absent = chance.permutation(np.flatnonzero(times == 0))[: len(shown) * OTHERS]
        if not len(shown):
            continue
        asked = np.concatenate([shown, absent])
        scores.append(judge.scores(KeptPlaces(kept.places[asked], kept.whole[asked]), word))
        is_match.append(np.arange(len(asked)) < len(shown))
    if not scores:
        return DEFAULT_WORDS
    return fitted(np.concatenate(scores).astype(np.float64), np.concatenate(is_match))


def fitted(scores: NDArray[np.float64], is_match: NDArray[np.bool_]) -> Curve:
    """Fit P(match) = 1 / (1 + exp(-(scale * score + shift))) by Newton's method (Platt 1999)."""
    features = np.stack([scores, np.ones(len(scores))], axis=1)
    factors = np.zeros(2)
    for _ in range(50):
        probable = 1.0 / (1.0 + np.exp(-features @ factors))
        bends = (features * (probable * (1.0 - probable) + 1e-9)[:, np.newaxis]).T @ features
        step = np.linalg.solve(bends, features.T @ (is_match - probable))
        factors += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return float(factors[0]), float(factors[1])


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
