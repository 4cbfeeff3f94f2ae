"""Teach the heads: words point at classes, pictures at captions; photographs stay where their classes are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax, normalize, softmax

from ..library.types import Vectors
from .features import Features, TextFeatures
from .joint import ImageHead, TextHead
from .pairs import Pair
from .texts import Lesson, targets

REPORT_EVERY_STEPS = 250


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every setting of the training; docs/mini.md tells what they were chosen by.

    `class_scale`, `pair_scale` and `keep_scale` are inverse temperatures of softmaxes over cosines. The weights are
    of the losses: `borrowed` of senses that borrow their classes, `pair` of pictures with captions, `keep` of staying
    near the untrained ranking of the classes, `photograph` of adding nothing to photographs without words.
    """

    steps: int = 800
    lesson_batch: int = 512
    pair_batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    text_width: int = 1024
    image_width: int = 512
    temperature: float = 1.0
    class_scale: float = 20.0
    pair_scale: float = 20.0
    keep_scale: float = 20.0
    borrowed: float = 0.3
    pair: float = 1.0
    keep: float = 0.5
    photograph: float = 2.0
    appearance_share: float = 0.3
    feature_noise: float = 0.02
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Material:
    """All that a run learns from, as tensors in the memory of one machine."""

    lessons: Sequence[Lesson]
    pairs: Sequence[Pair]
    pictures: Features
    text_features: TextFeatures


class Wordings:
    """Text features of many wordings of many things, drawn at random."""

    def __init__(self, wordings: Sequence[Sequence[str]], text_features: TextFeatures) -> None:
        self._features = torch.from_numpy(text_features([text for texts in wordings for text in texts]))
        self._counts = torch.tensor([len(texts) for texts in wordings])
        self._starts = torch.cumsum(self._counts, 0) - self._counts

    def draw(self, rows: torch.Tensor) -> torch.Tensor:
        """One wording of each row: (n, 384)."""
        choice = (torch.rand(len(rows)) * self._counts[rows]).long()
        return self._features[self._starts[rows] + choice]


def teach(
    recipe: Recipe, material: Material, text_head: TextHead, image_head: ImageHead, report: Callable[[int], None]
) -> None:
    """Train both heads in place, reporting now and then."""
    torch.manual_seed(recipe.seed)
    start = normalize(image_head.classes.detach().clone(), dim=1)
    heads = torch.nn.ModuleList([text_head, image_head])
    trained = [parameter for parameter in heads.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, recipe.steps, pct_start=0.1)
    batches = _batches(recipe, material)
    for step in range(1, recipe.steps + 1):
        heads.train()
        loss = sum(_losses(recipe, next(batches), text_head, image_head, start).values(), torch.tensor(0.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % REPORT_EVERY_STEPS == 0 or step == recipe.steps:
            heads.eval()
            with torch.no_grad():
                report(step)


@dataclass(frozen=True, slots=True)
class _Batch:
    words: torch.Tensor
    shares: torch.Tensor
    weights: torch.Tensor
    captions: torch.Tensor
    caption_ids: torch.Tensor
    drawn: torch.Tensor
    photographs: torch.Tensor


def _batches(recipe: Recipe, material: Material) -> Iterator[_Batch]:
    """Draw forever: half of the lessons are senses with classes of their own."""
    words = Wordings([lesson.wordings for lesson in material.lessons], material.text_features)
    shares = torch.from_numpy(targets(material.lessons))
    borrowed = torch.tensor([lesson.borrowed for lesson in material.lessons])
    own_rows, borrowed_rows = torch.nonzero(~borrowed)[:, 0], torch.nonzero(borrowed)[:, 0]
    taught = [row for row, pair in enumerate(material.pairs) if pair.split == "train"]
    captions = Wordings([material.pairs[row].captions for row in taught], material.text_features)
    numbers: dict[str, int] = {}
    ids = torch.tensor([numbers.setdefault(material.pairs[row].captions[0].lower(), len(numbers)) for row in taught])
    views = torch.stack(
        [torch.from_numpy(material.pictures.plain[taught]), torch.from_numpy(material.pictures.varied[taught])]
    )
    chances = torch.from_numpy(source_chances([material.pairs[row].source for row in taught]))
    photographs = torch.from_numpy(material.pictures.photographs)
    half = recipe.lesson_batch // 2
    while True:
        own = own_rows[torch.randint(len(own_rows), (half,))]
        lent = borrowed_rows[torch.randint(len(borrowed_rows), (half,))]
        rows = torch.cat([own, lent])
        chosen = torch.multinomial(chances, recipe.pair_batch, replacement=False)
        yield _Batch(
            words=_noisy(words.draw(rows), recipe.feature_noise),
            shares=shares[rows],
            weights=torch.cat([torch.ones(half), torch.full((half,), recipe.borrowed)]),
            captions=_noisy(captions.draw(chosen), recipe.feature_noise),
            caption_ids=ids[chosen],
            drawn=views[torch.randint(2, (recipe.pair_batch,)), chosen],
            photographs=photographs[torch.randint(len(photographs), (64,))],
        )


def source_chances(sources: Sequence[str]) -> Vectors:
    """How often each picture is drawn: each source in proportion to the square root of its size."""
    counts = {source: sources.count(source) for source in set(sources)}
    return np.array([counts[source] ** -0.5 for source in sources], np.float32)


def _losses(
    recipe: Recipe, batch: _Batch, text_head: TextHead, image_head: ImageHead, start: torch.Tensor
) -> Mapping[str, torch.Tensor]:
    classes = normalize(image_head.classes, dim=1)
    meanings = text_head(batch.words)
    logits = recipe.class_scale * meanings @ classes.T
    lesson = (cross_entropy(logits, batch.shares, reduction="none") * batch.weights).sum() / batch.weights.sum()

    captions = text_head(batch.captions)
    teacher = softmax(recipe.keep_scale * torch.cat([batch.words, batch.captions]) @ start.T, dim=1)
    student = log_softmax(recipe.keep_scale * torch.cat([meanings, captions]) @ classes.T, dim=1)
    # Senses with classes of their own have a better teacher than the untrained ranking.
    half = len(batch.words) // 2
    keep = kl_div(student[half:], teacher[half:], reduction="batchmean")

    scores = recipe.pair_scale * image_head(batch.drawn) @ captions.T
    same = (batch.caption_ids[:, None] == batch.caption_ids[None, :]).float()
    wanted = same / same.sum(1, keepdim=True)
    pair = (cross_entropy(scores, wanted) + cross_entropy(scores.T, wanted)) / 2

    by_class = image_head.by_class(batch.photographs)
    added = image_head.beyond_classes(batch.photographs)
    photograph = (added.square().sum(1) / by_class.square().sum(1)).mean()
    return {
        "lesson": lesson,
        "keep": recipe.keep * keep,
        "pair": recipe.pair * pair,
        "photograph": recipe.photograph * photograph,
    }


def _noisy(features: torch.Tensor, amount: float) -> torch.Tensor:
    """Add noise of about `amount` of the length, and bring the rows back to length 1."""
    return normalize(features + torch.randn_like(features) * amount, dim=1)
