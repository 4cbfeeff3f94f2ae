"""Measure heads on what they were not taught: senses of WordNet, and held-out pictures in their own galleries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..library.embedders.base import Embedder
from ..library.types import Pixels, Vectors
from .features import Features, TextFeatures
from .pairs import Pair
from .pictures import on_background
from .texts import Lesson

Mapped = Callable[[Vectors], Vectors]
"""A head: features to L2-normalised vectors."""

SOURCES = ("clip art", "stamps", "emoji")


def sense_precision(senses: Sequence[Lesson], words: TextFeatures, text_head: Mapped, classes: Vectors) -> float:
    """Mean average precision of the classes below each sense when its words rank all classes."""
    values = []
    for sense in senses:
        # The first four wordings are one word bare, in a phrase, with an article and in the plural.
        scores = text_head(words(sense.wordings[:1])) @ classes.T
        ranked = np.isin(np.argsort(-scores[0]), sense.classes)
        ranks = np.flatnonzero(ranked) + 1
        values.append(float(np.mean(np.arange(1, len(ranks) + 1) / ranks)))
    return float(np.mean(values))


def caption_recall(
    pairs: Sequence[Pair], split: str, pictures: Features, words: TextFeatures, text_head: Mapped, image_head: Mapped
) -> dict[str, float]:
    """Recall at 10 of pictures by their captions, each source in its own gallery.

    A caption counts once however many pictures bear it, and any of them will do.
    """
    found = {}
    for source in SOURCES:
        rows = [row for row, pair in enumerate(pairs) if (pair.source, pair.split) == (source, split)]
        captions = np.array([pairs[row].captions[0].lower() for row in rows])
        asked = list(dict.fromkeys(captions.tolist()))
        texts = text_head(
            words(
                [
                    next(pairs[row].captions[0] for row in rows if pairs[row].captions[0].lower() == caption)
                    for caption in asked
                ]
            )
        )
        order = np.argsort(-texts @ image_head(pictures.plain[rows]).T, axis=1)[:, :10]
        found[source] = float(np.mean([caption in captions[best] for caption, best in zip(asked, order, strict=True)]))
    return found


def drawing_hits(model: Embedder, chosen: Sequence[Pair]) -> list[bool]:
    """For each caption of drawings, whether one that bears it is among a written model's first ten, pixels and all."""
    captions = np.array([pair.captions[0].lower() for pair in chosen])
    asked = {pair.captions[0].lower(): pair.captions[0] for pair in reversed(chosen)}
    images = np.concatenate([model.embed_images(_plain(model, pair)) for pair in chosen])
    order = np.argsort(-model.embed_texts(list(asked.values())) @ images.T, axis=1)[:, :10]
    return [bool(caption in captions[best]) for caption, best in zip(asked, order, strict=True)]


def drawing_recall(model: Embedder, pairs: Sequence[Pair], split: str) -> dict[str, float]:
    """What `caption_recall` measures, of a written model."""
    return {
        f"{source} R@10": float(
            np.mean(drawing_hits(model, [pair for pair in pairs if (pair.source, pair.split) == (source, split)]))
        )
        for source in SOURCES
    }


def _plain(model: Embedder, pair: Pair) -> Pixels:
    with Image.open(pair.path) as picture:
        picture.thumbnail((512, 512))
        return model.preprocess(on_background(picture))[np.newaxis]


def recall_both_ways(images: Vectors, captions: Vectors, photograph_of: NDArray[np.int64]) -> dict[str, float]:
    """Recall at 1, 5 and 10 among captioned photographs, from words to photographs and back, in per cent.

    Args:
        images: (n, dim).
        captions: (m, dim).
        photograph_of: (m,) which photograph each caption tells of.
    """
    scores = captions @ images.T
    own = scores[np.arange(len(captions)), photograph_of]
    to_image = (scores > own[:, None]).sum(1)
    # Of a photograph's captions, the best placed one counts.
    to_text = np.array(
        [(scores[:, number] > own[photograph_of == number].max()).sum() for number in range(len(images))]
    )
    found: dict[str, float] = {}
    for name, ranks in (("t2i", to_image), ("i2t", to_text)):
        found |= {f"{name} R@{k}": 100 * float((ranks < k).mean()) for k in (1, 5, 10)}
    return found


def lead_over_changed(
    images: Vectors,
    captions: Vectors,
    changed: Vectors,
    photograph_of: NDArray[np.int64],
    caption_of: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whether each changed caption, (k, dim), scores less on its photograph than the caption that it was made of."""
    asked = images[photograph_of[caption_of]]
    return np.asarray(((captions[caption_of] - changed) * asked).sum(1) > 0)
