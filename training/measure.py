"""Measure heads on what they were not taught: senses of WordNet, and held-out pictures in their own galleries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..library.types import Vectors
from .features import Features, TextFeatures
from .pairs import Pair
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
