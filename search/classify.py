"""Zero-shot classification: which of the user's own labels a picture shows, as probabilities that sum to 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import ImageUnreadable, QueryError
from ..library.types import Vectors
from .embedding import embed_file

Values: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chance:
    """One label, and how likely it is among all that were given."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classified:
    """A picture and its labels, likeliest first; their probabilities sum to 1."""

    path: Path
    labels: tuple[Chance, ...]


class Classifier:
    """Tells `labels` apart in the space of one model.

    Raises:
        QueryError: fewer than two labels, an empty one, or one given twice.
    """

    def __init__(self, embedder: Embedder, labels: Sequence[str]) -> None:
        self._embedder = embedder
        self._labels = [" ".join(label.split()) for label in labels]
        if not all(self._labels):
            raise QueryError("one of the labels is empty")
        if len(set(self._labels)) < len(self._labels):
            raise QueryError("a label is given twice: each can be chosen once")
        if len(self._labels) < 2:
            raise QueryError("there is nothing to choose from: give two labels or more, as in --labels cat,dog")

    def classify(
        self, paths: Sequence[Path], on_unreadable: Callable[[ImageUnreadable], None] | None = None
    ) -> Iterator[Classified]:
        """Yield each picture with its labels, one picture in memory at a time.

        Raises:
            ImageUnreadable: a file cannot be read as a picture, and there is no `on_unreadable` to be told of it.
        """
        for path in paths:
            try:
                yield self._classified(path)
            except ImageUnreadable as error:
                if on_unreadable is None:
                    raise
                on_unreadable(error)

    def _classified(self, path: Path) -> Classified:
        scores = (self._label_vectors @ embed_file(self._embedder, path)[0]).astype(np.float64)
        chances = softmax(scores * self._embedder.spec.logit_scale)
        best_first = np.argsort(-chances, kind="stable")
        return Classified(path, tuple(Chance(self._labels[place], float(chances[place])) for place in best_first))

    @cached_property
    def _label_vectors(self) -> Vectors:
        """(labels, dim) L2-normalised float32."""
        return embed_queries(self._embedder, self._labels)


def softmax(logits: Values) -> Values:
    """Return the probabilities of (n,) logits; none is so large that it overflows."""
    powers: Values = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), dtype=np.float64)
