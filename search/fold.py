"""Stacks: hits that show the same thing, folded under the best of them with a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..library.types import Hit, Vectors
from .duplicates import DuplicateOptions


@dataclass(frozen=True, slots=True)
class Stack:
    """One hit and those folded under it, best first."""

    hit: Hit
    duplicates: tuple[Hit, ...] = ()

    @property
    def count(self) -> int:
        """How many hits stand here, the one that is shown among them."""
        return 1 + len(self.duplicates)


def fold(hits: Sequence[Hit], vectors: Vectors, options: DuplicateOptions) -> list[Stack]:
    """Fold each hit under the first one before it that it is a duplicate of; the order of the others stays.

    Each is compared with what is shown, not with what is folded, so that chains do not grow.

    Args:
        hits: n answers, best first.
        vectors: (n, dim) L2-normalised float32, those of the hits' images in the same order.
        options: what counts as a duplicate; files that are the same do in any case.
    """
    shown: list[int] = []
    folded: dict[int, list[Hit]] = {}
    for place, hit in enumerate(hits):
        scores = (vectors[shown] @ vectors[place]).tolist()
        first = next(
            (one for one, score in zip(shown, scores, strict=True) if options.joins(hits[one].image, hit.image, score)),
            None,
        )
        if first is None:
            shown.append(place)
            folded[place] = []
        else:
            folded[first].append(hit)
    return [Stack(hits[place], tuple(folded[place])) for place in shown]
