"""The multilingual head: what it computes, and how it is taught to stand where the English texts stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, gelu, normalize, pad

from ..library.types import Vectors

_LEAST_SPREAD = 1e-3
_FURTHEST = 6.0
"""Standardised features beyond this are cut: a piece the tower was hardly taught must not outweigh the rest."""


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """Every setting of the teaching; docs/languages.md tells what they were chosen by.

    The scales are inverse temperatures of softmaxes over cosines, and the weights are of the losses: `english` of lying
    where the English text lies, `among` of finding it among the others, `picture` of finding the picture itself.
    """

    steps: int = 1300
    batch: int = 900
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    width: int = 1024
    dropout: float = 0.2
    english: float = 4.0
    among: float = 1.5
    among_scale: float = 20.0
    picture: float = 1.0
    picture_scale: float = 50.0
    most_pictures: int = 1400
    most_english: int = 1400
    averaging: float = 0.99
    seed: int = 7


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Texts of one source: (n, features) float16 `features`, and what each means, by row.

    `meant` names rows of the English vectors and `shown` rows of the picture vectors; -1 where there is none. `share`
    is how much of each batch they make, beside the shares of the others.
    """

    name: str
    features: NDArray[np.float16]
    meant: NDArray[np.int64]
    shown: NDArray[np.int64]
    share: float


class MultilingualHead(nn.Module):
    """A linear map and a hidden layer beside it, to vectors whose last dimensions, appearance, are zero.

    Args:
        mean: (features,) of the features.
        spread: (features,) their standard deviations.
        text_dim: dimensions that texts use, the first ones.
        dim: of the joint space.
        recipe: width and dropout.
    """

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor, text_dim: int, dim: int, recipe: HeadRecipe) -> None:
        super().__init__()
        self.mean = nn.Parameter(mean, requires_grad=False)
        self.scale = nn.Parameter(1 / spread.clamp(min=_LEAST_SPREAD), requires_grad=False)
        self.dropout = nn.Dropout(recipe.dropout)
        # Named apart, for export_head stores what bears this name in 8 bits.
        self.others = nn.ModuleDict(
            {
                "straight": nn.Linear(len(mean), text_dim),
                "hidden": nn.Linear(len(mean), recipe.width),
                "out": nn.Linear(recipe.width, text_dim),
            }
        )
        self.unused = dim - text_dim

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, features) to (n, dim) of length 1."""
        inputs = self.dropout(((features - self.mean) * self.scale).clamp(-_FURTHEST, _FURTHEST))
        hidden = self.dropout(gelu(self.others["hidden"](inputs)))
        found = self.others["straight"](inputs) + self.others["out"](hidden)
        return pad(normalize(found, dim=1), (0, self.unused))


def taught_head(sources: Sequence[Taught], english: Vectors, pictures: Vectors, recipe: HeadRecipe) -> MultilingualHead:
    """Teach a head and return the moving average of its weights.

    Args:
        sources: the texts.
        english: (e, dim) vectors of English texts, L2-normalised.
        pictures: (views, p, dim) vectors of pictures, L2-normalised.
        recipe: the settings.
    """
    torch.manual_seed(recipe.seed)
    used = np.flatnonzero(np.abs(english).max(axis=0) > 0)
    sample = np.concatenate([source.features[:: max(1, len(source.features) // 2000)] for source in sources])
    mean, spread = (torch.from_numpy(each) for each in (sample.mean(0, np.float32), sample.astype(np.float32).std(0)))
    head = MultilingualHead(mean, spread, int(used[-1]) + 1, english.shape[1], recipe)
    trained = [parameter for parameter in head.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, recipe.steps, pct_start=0.1)
    averaged = {name: value.clone() for name, value in head.state_dict().items()}
    batches = _batches(sources, english, pictures, recipe)
    for step in range(recipe.steps):
        head.train()
        loss = _loss(head, next(batches), recipe)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        keep = min(recipe.averaging, (step + 1) / (step + 10))
        for name, value in head.state_dict().items():
            averaged[name].mul_(keep).add_(value, alpha=1 - keep)
    head.load_state_dict(averaged)
    return head.eval()


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """`meant[wanted]` are English vectors of the `worded` rows, `gallery[place]` the pictures of the `drawn` ones."""

    features: torch.Tensor
    worded: torch.Tensor
    wanted: torch.Tensor
    meant: torch.Tensor
    drawn: torch.Tensor
    place: torch.Tensor
    gallery: torch.Tensor


def _batches(sources: Sequence[Taught], english: Vectors, pictures: Vectors, recipe: HeadRecipe) -> Iterator[_Batch]:
    chance = np.random.default_rng(recipe.seed)
    shares = np.array([source.share for source in sources])
    counts = np.maximum(1, np.round(recipe.batch * shares / shares.sum())).astype(int)
    while True:
        chosen = [
            chance.integers(0, len(source.features), count) for source, count in zip(sources, counts, strict=True)
        ]
        features = np.concatenate([source.features[rows] for source, rows in zip(sources, chosen, strict=True)])
        meant = np.concatenate([source.meant[rows] for source, rows in zip(sources, chosen, strict=True)])
        shown = np.concatenate([source.shown[rows] for source, rows in zip(sources, chosen, strict=True)])
        worded, drawn = np.flatnonzero(meant >= 0), np.flatnonzero(shown >= 0)
        gallery, place = _among(shown[drawn], pictures.shape[1], recipe.most_pictures, chance)
        others, wanted = _among(meant[worded], len(english), recipe.most_english, chance)
        views = chance.integers(0, len(pictures), len(gallery))
        yield _Batch(
            torch.from_numpy(features.astype(np.float32)),
            torch.from_numpy(worded),
            torch.from_numpy(wanted),
            torch.from_numpy(english[others]),
            torch.from_numpy(drawn),
            torch.from_numpy(place),
            torch.from_numpy(pictures[views, gallery]),
        )


def _among(
    rows: NDArray[np.int64], count: int, most: int, chance: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Up to `most` different rows of `count`, these among them, and where each of these stands there."""
    others = chance.integers(0, count, max(0, most - len(rows)))
    found, places = np.unique(np.concatenate([rows, others]), return_inverse=True)
    return found, places[: len(rows)]


def _loss(head: MultilingualHead, batch: _Batch, recipe: HeadRecipe) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        vectors = head(batch.features)
    vectors = vectors.float()
    said = vectors[batch.worded]
    english = batch.meant[batch.wanted]
    near = (1 - (said * english).sum(1)).mean()
    # Wherever two English texts are nearly one, either is right, in proportion.
    wanted = torch.softmax(recipe.among_scale * 2 * english @ batch.meant.T, dim=1)
    among = cross_entropy(recipe.among_scale * said @ batch.meant.T, wanted)
    found = cross_entropy(recipe.picture_scale * vectors[batch.drawn] @ batch.gallery.T, batch.place)
    return recipe.english * near + recipe.among * among + recipe.picture * found
