"""Teach the built-in judge and write its files: python -m photoseek.training.train_judge --captions DIR."""

from __future__ import annotations

import argparse
import copy
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, pad, softplus

from ..library.embedders.mini import WEIGHTS as EMBEDDER_WEIGHTS
from ..library.embedders.mini import MiniEmbedder
from ..library.embedders.mini_places import FILE_NAME, PlaceKeeper
from ..rerank.mini_files import WEIGHTS
from .attention import FORBIDDEN
from .judge_export import export_judge
from .judge_lessons import Lessons, lessons_of
from .judge_model import PLACES, JudgeNet, JudgeSize
from .kept import write_kept
from .seen import padded, read_seen
from .train_captioner import average, log


@dataclass(frozen=True, slots=True)
class JudgeRecipe:
    """How it is taught: on so many photographs at once, in blocks of pictures that are hard to tell apart."""

    seed: int = 7
    epochs: int = 2
    photographs: int = 240
    block: int = 4
    views: int = 2
    rate: float = 1e-3
    warm_up: int = 40
    decay: float = 0.05
    hidden: float = 0.1
    unread: float = 0.1
    averaging: float = 0.995
    longest: int = 18


def main() -> None:
    """Teach and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=Path, required=True, help="folder of captioned photographs")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="for what the towers say")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write to")
    parser.add_argument("--embedder", type=Path, default=EMBEDDER_WEIGHTS, help="folder of the built-in model")
    parser.add_argument("--epochs", type=int, default=JudgeRecipe().epochs)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = replace(JudgeRecipe(), epochs=arguments.epochs)
    model = MiniEmbedder(threads=1, folder=arguments.embedder)
    train = read_seen(model, arguments.captions, arguments.cache, "train")
    arguments.into.mkdir(parents=True, exist_ok=True)
    log("kept", **write_kept(arguments.embedder / FILE_NAME, train))
    lessons = lessons_of(train, PlaceKeeper(arguments.embedder), model, arguments.cache, recipe.views)
    log("recipe", **asdict(recipe), captions=len(lessons.texts.embedding), changed=len(lessons.false.embedding))
    judge = taught(lessons, recipe)
    torch.save(judge.state_dict(), arguments.cache / "judge.pt")
    export_judge(judge, arguments.into / "judge.onnx")


def taught(lessons: Lessons, recipe: JudgeRecipe) -> JudgeNet:
    """Teach a judge; its weights are the average of those of the last steps."""
    torch.manual_seed(recipe.seed)
    chance = np.random.default_rng(recipe.seed)
    judge = JudgeNet(JudgeSize(place=lessons.places.shape[-1], whole=lessons.whole.shape[-1]))
    groups = [
        {"params": [one for one in judge.parameters() if one.ndim > 1], "weight_decay": recipe.decay},
        {"params": [one for one in judge.parameters() if one.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
    averaged = copy.deepcopy(judge)
    pictures = len(lessons.captions_of)
    rounds = max(map(len, lessons.captions_of))
    steps, step, start = recipe.epochs * rounds * (pictures // recipe.photographs), 0, time.monotonic()
    for epoch in range(recipe.epochs):
        judge.train()
        losses = []
        orders = [chance.permutation(numbers) for numbers in lessons.captions_of]
        for turn in range(rounds):
            shuffled = chance.permutation(pictures)
            for first in range(0, pictures - recipe.photographs + 1, recipe.photographs):
                some = shuffled[first : first + recipe.photographs]
                captions = np.array([orders[one][turn % len(orders[one])] for one in some])
                rate = 0.03 + 0.97 * (1 + math.cos(math.pi * step / steps)) / 2
                for group in optimiser.param_groups:
                    group["lr"] = recipe.rate * rate * min(1.0, (step + 1) / recipe.warm_up)
                found = losses_of(judge, lessons, (some, captions), recipe, chance)
                optimiser.zero_grad()
                (found @ torch.tensor([1.0, 1.0, 0.5, 0.5])).backward()
                torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
                optimiser.step()
                step += 1
                losses.append(found.detach().numpy())
                average(averaged, judge, min(recipe.averaging, (step + 1) / (step + 20)))
                if step % 25 == 0:
                    log("step", step=step, seconds=time.monotonic() - start, loss=float(losses[-1].sum()))
        names = ("vectors", "pictures for a text", "texts for a picture", "changed")
        figures = dict(zip(names, np.mean(losses, axis=0).tolist(), strict=True))
        log("epoch", epoch=epoch, **figures, seconds=time.monotonic() - start)
    return averaged.eval()


def losses_of(
    judge: JudgeNet,
    lessons: Lessons,
    batch: tuple[NDArray[np.int64], NDArray[np.int64]],
    recipe: JudgeRecipe,
    chance: np.random.Generator,
) -> torch.Tensor:
    """Four losses: of the vectors alone, of pictures for a text, of texts for a picture, of changed captions."""
    some, captions = batch
    view = int(chance.integers(len(lessons.places)))
    places, whole = (torch.from_numpy(part[view][some]) for part in (lessons.places, lessons.whole))
    falsified = [lessons.falsified.get(int(one), []) for one in captions]
    has_false = torch.tensor([number for number, ones in enumerate(falsified) if ones])
    false = [ones[chance.integers(len(ones))] for ones in falsified if ones]
    states, sentences, there = _joined(
        padded(lessons.texts, captions, recipe.longest), padded(lessons.false, false, recipe.longest)
    )
    there &= torch.rand(there.shape) > recipe.unread
    with torch.autocast("cpu", torch.bfloat16):
        hidden = (torch.rand(len(some), 1, 1, PLACES + 1) < recipe.hidden).to(torch.bfloat16) * FORBIDDEN
        memory, vectors = judge.pictures(places, whole, hidden)
        texts = judge.texts(states, sentences, there)
        cosines = judge.log_scale.exp() * texts.vectors[: len(some)] @ vectors.T
        right = torch.arange(len(some))
        false_cosines = judge.log_scale.exp() * (texts.vectors[len(some) :] * vectors[has_false]).sum(1)
        by_vectors = (cross_entropy(cosines, right) + cross_entropy(cosines.T, right)) / 2
        by_vectors = by_vectors + 0.3 * softplus(false_cosines - cosines.diagonal()[has_false]).mean()
        blocks = torch.from_numpy(hard_blocks((cosines + cosines.T).detach().float().numpy(), recipe.block, chance))
        pictures = blocks.flatten()
        own_false = torch.full((len(some),), -1)
        own_false[has_false] = torch.arange(len(false)) + len(some)
        own_false = torch.where(own_false < 0, right, own_false)[pictures]
        width = recipe.block
        asked = torch.cat([blocks.repeat_interleave(width, 0), own_false[:, None]], 1)
        scores = judge.pairs(
            texts.chosen(asked.flatten()), (memory[pictures], vectors[pictures]), hidden[pictures]
        ).unflatten(0, (-1, width, width + 1))
    among = scores[:, :, :width]
    target = torch.arange(width).expand(len(blocks), width).flatten()
    is_false = (own_false >= len(some)).view(len(blocks), width)
    return torch.stack(
        [
            by_vectors,
            cross_entropy(among.transpose(1, 2).flatten(0, 1), target),
            cross_entropy(among.flatten(0, 1), target),
            softplus(scores[:, :, width] - among.diagonal(dim1=1, dim2=2))[is_false].mean(),
        ]
    )


def hard_blocks(likeness: NDArray[np.float32], width: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Part pictures into blocks of those that the vectors confuse most: (blocks, width) numbers, each once."""
    noisy = likeness + chance.gumbel(size=likeness.shape)
    left = np.ones(len(noisy), dtype=np.bool_)
    blocks = []
    for one in chance.permutation(len(noisy)):
        if left[one] and left.sum() >= width:
            left[one] = False
            like = np.argsort(-np.where(left, noisy[one], -np.inf))[: width - 1]
            left[like] = False
            blocks.append([one, *like])
    return np.array(blocks)


def _joined(true: tuple[torch.Tensor, ...], false: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Put two padded sets of texts under one another."""
    length = max(true[0].shape[1], false[0].shape[1])
    states = torch.cat([pad(one[0], (0, 0, 0, length - one[0].shape[1])) for one in (true, false)])
    there = torch.cat([pad(one[2], (0, length - one[2].shape[1])) for one in (true, false)])
    return states, torch.cat([true[1], false[1]]), there


if __name__ == "__main__":
    main()
