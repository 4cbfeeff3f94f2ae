"""Calibrate the built-in judge, and write the manifest that pins it and the captioner.

python -m photoseek.training.rerank_manifest --captions DIR
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import normalized
from ..library.embedders.mini import WEIGHTS as EMBEDDER_WEIGHTS
from ..library.embedders.mini import MiniEmbedder
from ..library.embedders.mini_places import FILE_NAME, KeptPlaces
from ..rerank.mini_files import FILES, WEIGHTS, MiniManifest
from ..rerank.mini_judge import MiniJudge
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
    write_manifest(arguments.into, model, 1.0, 0.0)
    judge = MiniJudge(model, folder=arguments.into)
    scale, shift = calibrated(judge, read_seen(model, arguments.captions, arguments.cache, "val"))
    print(json.dumps(asdict(write_manifest(arguments.into, model, scale, shift)), indent=1))


def write_manifest(folder: Path, model: MiniEmbedder, scale: float, shift: float) -> MiniManifest:
    """Hash the files of a folder and write its manifest."""
    manifest = MiniManifest(
        version=VERSION,
        source=SOURCE,
        licence=LICENCE,
        towers={name: model.manifest.files[name] for name in ("image_tower.onnx", "text_tower.onnx")},
        files={name: _hash(folder / name) for name in FILES},
        judge_scale=round(scale, 4),
        judge_shift=round(shift, 4),
    )
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def calibrated(judge: MiniJudge, val: Seen) -> tuple[float, float]:
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


def fitted(scores: NDArray[np.float64], is_match: NDArray[np.bool_]) -> tuple[float, float]:
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
