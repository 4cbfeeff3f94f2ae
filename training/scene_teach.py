"""Teach the scene heads: a photograph and its captions find each other, and a caption with one thing changed loses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from ..library.types import Vectors
from .scene import SceneImage, SceneSizes, SceneText, Spread
from .scene_features import PhotographFeatures, TextStates

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SceneRecipe:
    """Every setting of the scene part; docs/mini.md tells what they were chosen by.

    `captions` of each photograph in a batch of `batch` photographs; `scale` is the first inverse temperature, which is
    learned; `changed` weighs the loss of changed captions, of which a step sees `changed_batch`, the `favoured` kinds
    so much more often than the others; `fragments` weighs the loss of short phrases; `memory` is of the moving average
    of the weights that is kept; `words_dropped` the share of a caption's tokens that a step does not see.
    """

    heads: int = 3
    epochs: int = 12
    batch: int = 512
    captions: int = 3
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    scale: float = 20.0
    changed: float = 1.0
    changed_batch: int = 768
    favoured: Mapping[str, float] = field(default_factory=lambda: {"colour": 6.0, "who": 12.0})
    fragments: float = 0.5
    memory: float = 0.98
    words_dropped: float = 0.1
    seed: int = 7
    sizes: SceneSizes = field(default_factory=SceneSizes)


@dataclass(frozen=True, slots=True)
class SceneMaterial:
    """Photographs, their captions, changed captions, and short phrases out of captions.

    `photograph_of` each caption, `caption_of` each changed one, and what `kinds` those are; `fragment_of` is the
    photograph that each phrase tells of.
    """

    photographs: PhotographFeatures
    captions: TextStates
    photograph_of: Numbers
    changed: TextStates
    caption_of: Numbers
    kinds: tuple[str, ...]
    fragments: TextStates
    fragment_of: Numbers


def teach_scene(
    recipe: SceneRecipe, material: SceneMaterial, seed: int, report: Callable[[int, SceneImage, SceneText], None]
) -> tuple[SceneImage, SceneText]:
    """Teach one pair of heads and return their averaged weights; the report comes halfway and at the end."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    image_head, text_head = SceneImage(spread_of(material.photographs), recipe.sizes), SceneText(recipe.sizes)
    heads = nn.ModuleList([image_head, text_head])
    scale = nn.Parameter(torch.tensor(recipe.scale).log())
    steps = recipe.epochs * (material.photographs.count // recipe.batch)
    optimizer = torch.optim.AdamW(
        [{"params": list(heads.parameters())}, {"params": [scale], "weight_decay": 0.0}],
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, steps, pct_start=0.15)
    average = {name: value.clone() for name, value in heads.state_dict().items()}
    for step, batch in zip(range(1, steps + 1), _batches(recipe, material, chance), strict=False):
        heads.train()
        loss = _loss(recipe, material, batch, image_head, text_head, scale.exp())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(heads.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        # The first steps must not weigh on: the memory grows with what there is to remember.
        memory = min(recipe.memory, step / (step + 10))
        for name, value in heads.state_dict().items():
            average[name].mul_(memory).add_(value, alpha=1 - memory)
        if step in (steps // 2, steps):
            now = {name: value.clone() for name, value in heads.state_dict().items()}
            heads.load_state_dict(average)
            report(step, image_head.eval(), text_head.eval())
            if step < steps:
                heads.load_state_dict(now)
    return image_head, text_head


def image_vectors(head: nn.Module, photographs: PhotographFeatures, rows: Numbers) -> Vectors:
    """Run an image head over photographs: (rows, dim) float32."""
    runs = [rows[start : start + 250] for start in range(0, len(rows), 250)]
    with torch.no_grad():
        return np.concatenate([head(*_pictures(photographs, run, torch.float32)).float().numpy() for run in runs])


def text_vectors(head: nn.Module, texts: TextStates, rows: Numbers) -> Vectors:
    """Run a text head over texts, those of one length together, so that none is padded: (rows, dim) float32."""
    lengths = np.diff(texts.starts)[rows]
    found: dict[int, Vectors] = {}
    with torch.no_grad():
        for length in np.unique(lengths):
            chosen = np.flatnonzero(lengths == length)
            for part in np.array_split(chosen, -(-len(chosen) // 256)):
                states = np.stack([texts.states[start : start + length] for start in texts.starts[rows[part]]])
                embedding = torch.from_numpy(texts.embedding[rows[part]])
                vectors = head(embedding, torch.from_numpy(states.astype(np.float32))).float().numpy()
                found |= dict(zip(part.tolist(), vectors, strict=True))
    return np.stack([found[place] for place in range(len(rows))])


def spread_of(photographs: PhotographFeatures) -> Spread:
    """Mean and deviation of the channels over some of the photographs."""
    rows = np.sort(np.random.default_rng(0).permutation(len(photographs.pooled))[:1500])
    _, places, detail = _pictures(photographs, rows, torch.float32)
    channels = torch.cat([places, detail], dim=2).flatten(0, 1)
    return Spread(channels.mean(0), channels.std(0) + 1e-3)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of what a step takes.

    `views` of photographs; `captions`, each photograph's first, then each one's second, and so on; `changed` captions,
    with the places in `captions` of their `originals`; `fragments`, one a photograph, -1 where it has none.
    """

    views: Numbers
    captions: Numbers
    changed: Numbers
    originals: Numbers
    fragments: Numbers


def _batches(recipe: SceneRecipe, material: SceneMaterial, chance: np.random.Generator) -> Iterator[_Batch]:
    photographs = material.photographs
    captions_of = [np.flatnonzero(material.photograph_of == number) for number in range(photographs.count)]
    fragments_of = [np.flatnonzero(material.fragment_of == number) for number in range(photographs.count)]
    changed_of: dict[int, list[int]] = {}
    for row, caption in enumerate(material.caption_of.tolist()):
        changed_of.setdefault(caption, []).append(row)
    often = np.array([recipe.favoured.get(kind, 1.0) for kind in material.kinds])
    most = {caption: float(often[rows].max()) for caption, rows in changed_of.items()}

    def draw(rows: list[int]) -> int:
        return int(chance.choice(rows, p=often[rows] / often[rows].sum()))

    while True:
        order = chance.permutation(photographs.count)
        for start in range(0, photographs.count - recipe.batch + 1, recipe.batch):
            chosen = order[start : start + recipe.batch]
            # A photograph with fewer captions than asked for lends some twice.
            drawn = [
                chance.choice(captions_of[one], recipe.captions, replace=len(captions_of[one]) < recipe.captions)
                for one in chosen
            ]
            captions = np.array(drawn).T.ravel()
            originals = _drawn([(place, most.get(int(row), 0.0)) for place, row in enumerate(captions)], recipe, chance)
            yield _Batch(
                views=chance.integers(0, photographs.views, len(chosen)) * photographs.count + chosen,
                captions=captions,
                changed=np.array([draw(changed_of[int(captions[place])]) for place in originals], np.int64),
                originals=originals,
                fragments=np.array([_one_of(fragments_of[one], chance) for one in chosen]),
            )


def _drawn(wanted: list[tuple[int, float]], recipe: SceneRecipe, chance: np.random.Generator) -> Numbers:
    """Draw places without replacement, as often as is wanted; never those that are wanted 0 times."""
    places = np.array([place for place, often in wanted if often], np.int64)
    # Efraimidis and Spirakis (2006): the largest of such keys are a weighted draw.
    keys = chance.random(len(places)) ** (1 / np.array([often for _, often in wanted if often]))
    return places[np.argsort(-keys, kind="stable")][: recipe.changed_batch]


def _one_of(rows: Numbers, chance: np.random.Generator) -> int:
    return int(chance.choice(rows)) if len(rows) else -1


def _loss(
    recipe: SceneRecipe,
    material: SceneMaterial,
    batch: _Batch,
    image_head: SceneImage,
    text_head: SceneText,
    scale: torch.Tensor,
) -> torch.Tensor:
    count = len(batch.views)
    # bfloat16 halves the time and more, and costs the figures nothing.
    with torch.autocast("cpu", torch.bfloat16):
        images = image_head(*_pictures(material.photographs, batch.views, torch.bfloat16))
        captions = _texts(recipe, material.captions, batch.captions, text_head)
        changed = _texts(recipe, material.changed, batch.changed, text_head) if len(batch.changed) else None
        told_by = np.flatnonzero(batch.fragments >= 0)
        phrases = _texts(recipe, material.fragments, batch.fragments[told_by], text_head) if len(told_by) else None
    scores = scale * images @ captions.T
    own = torch.eye(count).repeat(1, recipe.captions)
    loss = (cross_entropy(scores, own / recipe.captions) + cross_entropy(scores.T, own.T)) / 2
    if changed is not None:
        places = torch.from_numpy(batch.originals)
        asked = images[places % count]
        lead = scale * ((captions[places] - changed) * asked).sum(1)
        loss = loss + recipe.changed * softplus(-lead).mean()
    if phrases is not None:
        # One way only: a photograph has many phrases, and others' phrases may well be true of it.
        loss = loss + recipe.fragments * cross_entropy(scale * phrases @ images.T, torch.from_numpy(told_by))
    return loss


def _texts(recipe: SceneRecipe, texts: TextStates, rows: Numbers, head: SceneText) -> torch.Tensor:
    """Run the head over texts in an order that pads little, some words dropped."""
    lengths = np.diff(texts.starts)[rows]
    order = np.argsort(lengths, kind="stable")
    parts = []
    for part in np.array_split(order, max(1, len(order) // 256)):
        states = np.zeros((len(part), int(lengths[part].max()), texts.states.shape[1]), np.float32)
        for place, one in enumerate(part):
            start = texts.starts[rows[one]]
            states[place, : lengths[one]] = texts.states[start : start + lengths[one]]
        present = torch.arange(states.shape[1]) < torch.from_numpy(lengths[part])[:, None]
        kept = torch.rand(present.shape) >= recipe.words_dropped
        kept[:, 0] = True  # the start mark, so that nothing is ever empty
        embedding = torch.from_numpy(texts.embedding[rows[part]])
        parts.append(head(embedding, torch.from_numpy(states), present & kept))
    return torch.cat(parts)[torch.from_numpy(np.argsort(order))]


def _pictures(
    photographs: PhotographFeatures, rows: Numbers, kind: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    order = np.argsort(rows)
    back = torch.from_numpy(np.argsort(order))
    stored = (photographs.pooled, photographs.places, photographs.detail)
    pooled, places, detail = (torch.from_numpy(values[rows[order]])[back] for values in stored)
    return pooled.float(), places.to(kind), detail.to(kind)
