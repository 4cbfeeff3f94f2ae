"""Teach the built-in captioner and write its files: python -m photoseek.training.train_captioner --captions DIR."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import torch

from ..library.embedders.mini import WEIGHTS as EMBEDDER_WEIGHTS
from ..library.embedders.mini import MiniEmbedder
from ..rerank.caption_words import words_of
from ..rerank.mini_files import WEIGHTS
from .attention import FORBIDDEN
from .caption_export import export_captioner
from .caption_model import END, PAD, START, UNKNOWN, Captioner, CaptionerSize, OtherLanguage, Scales
from .caption_names import write_names
from .classes import class_names
from .fetch import fetch
from .seen import Seen, read_seen
from .towers import image_network
from .wordnet import WordNet

_SCALED_BY = 600
"""Photographs whose places tell the places' means and deviations."""

Captions: TypeAlias = "Sequence[Sequence[str]]"
Learner = TypeVar("Learner", Captioner, OtherLanguage)

MARKS = ("<pad>", "<start>", "<end>", "<unknown>")


@dataclass(frozen=True, slots=True)
class CaptionRecipe:
    """How it is taught. `rarest` is how often a word must come in the captions, `hidden` the share of hidden places."""

    seed: int = 7
    epochs: int = 8
    photographs: int = 60
    rate: float = 1.2e-3
    warm_up: int = 80
    decay: float = 0.02
    smoothing: float = 0.1
    rarest: int = 5
    hidden: float = 0.1
    averaging: float = 0.995
    longest: int = 19


def main() -> None:
    """Teach and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=Path, required=True, help="folder of captioned photographs")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for what the towers say")
    parser.add_argument("--embedder", type=Path, default=EMBEDDER_WEIGHTS, help="folder of the built-in model")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=CaptionRecipe().epochs)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = replace(CaptionRecipe(), epochs=arguments.epochs)
    model = MiniEmbedder(threads=1, folder=arguments.embedder)
    train = read_seen(model, arguments.captions, arguments.cache, "train")
    vocabulary = vocabulary_of(train.captions, recipe.rarest, words_of)
    arguments.into.mkdir(parents=True, exist_ok=True)
    log("recipe", **asdict(recipe), vocabulary=len(vocabulary), views=train.photographs.views)
    captions = numbered(train.captions, vocabulary, recipe.longest, words_of)
    captioner = taught(new_captioner(train, vocabulary, model, recipe.seed), train, captions, recipe)
    export_captioner(captioner, arguments.into)
    (arguments.into / "caption_words.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    write_names(
        arguments.into / "caption_names.json", train, captioner, vocabulary, WordNet(fetch(arguments.cache).wordnet)
    )


def log(stage: str, **figures: float | str) -> None:
    """Print one line of figures."""
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps({"stage": stage, **rounded}), flush=True)


def vocabulary_of(captions: Captions, rarest: int, split: Callable[[str], list[str]]) -> list[str]:
    """Return the marks, then the captions' words, the commonest first."""
    counts = Counter(word for some in captions for caption in some for word in split(caption))
    common = sorted((word for word, times in counts.items() if times >= rarest), key=lambda word: (-counts[word], word))
    return [*MARKS, *common]


def numbered(
    captions: Captions, vocabulary: list[str], longest: int, split: Callable[[str], list[str]]
) -> torch.Tensor:
    """Return (n, captions, longest) word numbers between the marks; photographs with fewer captions repeat theirs."""
    numbers = {word: number for number, word in enumerate(vocabulary)}
    most = max(map(len, captions))

    def row(caption: str) -> list[int]:
        words = [numbers.get(word, UNKNOWN) for word in split(caption)][: longest - 2]
        return [START, *words, END] + [PAD] * (longest - 2 - len(words))

    blank = [START] + [PAD] * (longest - 1)
    return torch.tensor(
        [[row(some[number % len(some)]) if some else blank for number in range(most)] for some in captions]
    )


def new_captioner(train: Seen, vocabulary: list[str], texts: MiniEmbedder, seed: int) -> Captioner:
    """Return a captioner that has learned nothing yet."""
    torch.manual_seed(seed)
    some = train.part(0, slice(None, None, max(1, train.photographs.count // _SCALED_BY)))
    places = some.places.reshape(-1, some.places.shape[-1])
    pooled = train.photographs.pooled[: train.photographs.count].astype(np.float32)
    scales = Scales(
        *(torch.from_numpy(part) for part in (places.mean(0), places.std(0), pooled.mean(0), pooled.std(0) + 0.05))
    )
    names = torch.from_numpy(np.concatenate([texts.text_features(name) for name in class_names()]))
    size = CaptionerSize(words=len(vocabulary))
    captioner = Captioner(size, scales, image_network().classifier, names)
    # Words start where their meanings lie, which the rare ones would not learn from a few captions.
    meanings = np.concatenate([texts.text_features(word) for word in vocabulary[len(MARKS) :]])
    _, _, directions = np.linalg.svd(meanings - meanings.mean(0), full_matrices=False)
    placed = (meanings - meanings.mean(0)) @ directions[: size.width].T
    with torch.no_grad():
        known = torch.from_numpy(placed / placed.std() * size.width**-0.5)
        captioner.decoder.words.weight[len(MARKS) :, : known.shape[1]] = known  # fewer words have fewer directions
    return captioner


def taught(captioner: Learner, train: Seen, captions: torch.Tensor, recipe: CaptionRecipe) -> Learner:
    """Teach a captioner numbered captions; the weights returned are the average of those of the last steps."""
    chance = np.random.default_rng(recipe.seed)
    photographs = train.photographs
    groups = [
        {"params": [one for one in captioner.parameters() if one.ndim > 1], "weight_decay": recipe.decay},
        {"params": [one for one in captioner.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
    averaged = copy.deepcopy(captioner)
    at_once = min(recipe.photographs, photographs.count)
    steps, step, start = recipe.epochs * (photographs.count // at_once), 0, time.monotonic()
    for epoch in range(recipe.epochs):
        captioner.train()
        losses = []
        shuffled = chance.permutation(photographs.count)
        for first in range(0, len(shuffled) - at_once + 1, at_once):
            numbers = np.sort(shuffled[first : first + at_once])
            rate = min(1.0, (step + 1) / recipe.warm_up) * (0.03 + 0.97 * (1 + math.cos(math.pi * step / steps)) / 2)
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * rate
            seen = train.part(int(chance.integers(photographs.views)), numbers)
            places, pooled = torch.from_numpy(seen.places), torch.from_numpy(seen.features)
            loss = loss_of(captioner, (places, pooled), captions[torch.from_numpy(numbers)].flatten(0, 1), recipe)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(captioner.parameters(), 1.0)
            optimiser.step()
            step += 1
            losses.append(loss.item())
            average(averaged, captioner, min(recipe.averaging, (step + 1) / (step + 50)))
        log("epoch", epoch=epoch, loss=float(np.mean(losses)), seconds=time.monotonic() - start)
    return averaged.eval()


def loss_of(
    captioner: Captioner | OtherLanguage,
    seen: tuple[torch.Tensor, torch.Tensor],
    captions: torch.Tensor,
    recipe: CaptionRecipe,
) -> torch.Tensor:
    """The cross-entropy of each next word; half of the precision suffices for the products."""
    captions = captions[:, : int((captions != PAD).sum(1).max())]
    with torch.autocast("cpu", torch.bfloat16):
        hidden = torch.rand(len(seen[0]), 1, 1, captioner.tokens) < recipe.hidden
        mask = hidden.to(torch.bfloat16) * FORBIDDEN
        states = captioner.read(captions[:, :-1], captioner.memory(*seen, mask), mask)
        wanted = captions[:, 1:].flatten()
        there = (wanted != PAD).nonzero()[:, 0]
        scores = captioner.scores(states.flatten(0, 1)[there])
    return torch.nn.functional.cross_entropy(scores.float(), wanted[there], label_smoothing=recipe.smoothing)


def average(averaged: torch.nn.Module, latest: torch.nn.Module, share: float) -> None:
    """Move an exponential moving average of the weights on."""
    with torch.no_grad():
        for old, new in zip(averaged.parameters(), latest.parameters(), strict=True):
            old.lerp_(new, 1 - share)


if __name__ == "__main__":
    main()
