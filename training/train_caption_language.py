"""Teach the built-in captioner to write Chinese too.

    python -m photoseek.training.train_caption_language --captions DIR

The captioner's memory of a picture stays what English taught it; a decoder of Chinese characters learns to read it.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ..library.embedders.mini import WEIGHTS as EMBEDDER_WEIGHTS
from ..library.embedders.mini import MiniEmbedder
from ..rerank.caption_words import SPLITTERS
from ..rerank.mini_decoder import MiniDecoder
from ..rerank.mini_files import OTHER_LANGUAGES, WEIGHTS, language_files
from .caption_export import export_step
from .caption_model import CaptionerSize, KeysValues, OtherLanguage
from .captioned import captions_in, read_captioned
from .seen import Seen, read_seen
from .train_captioner import CaptionRecipe, log, numbered, taught, vocabulary_of

NAMES = Path(__file__).parent
"""Where the names of classes and kinds lie, as translated by hand: `caption_names.zh.tsv`."""

RECIPE = CaptionRecipe(epochs=5, longest=20)
"""Characters are more than words, and what is learned less: the pictures' memory stays."""


def main() -> None:
    """Teach and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True, help="folder of captioned photographs")
    parser.add_argument("--language", choices=OTHER_LANGUAGES, default=OTHER_LANGUAGES[0])
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for what the towers say")
    parser.add_argument("--embedder", type=Path, default=EMBEDDER_WEIGHTS, help="folder of the built-in model")
    parser.add_argument("--captioner", type=Path, default=WEIGHTS, help="folder of the captioner that writes English")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe, split = replace(RECIPE, epochs=arguments.epochs), SPLITTERS[arguments.language]
    model = MiniEmbedder(threads=1, folder=arguments.embedder)
    english = read_seen(model, arguments.captions, arguments.cache, "train")
    captioned = read_captioned(arguments.captions, "train")
    train = Seen(english.photographs, captions_in(arguments.captions, "train", arguments.language, captioned))
    vocabulary = vocabulary_of(train.captions, recipe.rarest, split)
    log("recipe", **asdict(recipe), vocabulary=len(vocabulary), views=train.photographs.views)
    torch.manual_seed(recipe.seed)
    size = CaptionerSize(words=len(vocabulary))
    new = OtherLanguage(size, remembered_by(MiniDecoder(arguments.captioner)))
    captions = numbered(train.captions, vocabulary, recipe.longest, split)
    language = taught(new, train, captions, recipe)
    arguments.into.mkdir(parents=True, exist_ok=True)
    export_step(language.decoder, arguments.into / f"caption_step.{arguments.language}.onnx")
    _, words, names = (arguments.into / name for name in language_files(arguments.language))
    words.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    shutil.copyfile(NAMES / names.name, names)


def remembered_by(decoder: MiniDecoder) -> Callable[[torch.Tensor, torch.Tensor], list[KeysValues]]:
    """Return what makes each layer's keys and values of pictures, as it will when captions are written."""

    def memory(places: torch.Tensor, pooled: torch.Tensor) -> list[KeysValues]:
        _, picture = decoder.memory(np.asarray(places), np.asarray(pooled))
        parts = [torch.from_numpy(part).to(torch.bfloat16) for part in picture]
        return list(zip(parts[::2], parts[1::2], strict=True))

    return memory


if __name__ == "__main__":
    main()
