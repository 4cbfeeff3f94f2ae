"""Stacks: hits that show the same thing, folded under the best of them with a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..library.types import Hit, Vectors


@dataclass(frozen=True, slots=True)
class Stack:
    """One hit and those folded under it, best first."""

    hit: Hit
    duplicates: tuple[Hit, ...] = ()

    @property
    def count(self) -> int:
        """How many hits stand here, the one that is shown among them."""
        return 1 + len(self.duplicates)


def fold(hits: Sequence[Hit], vectors: Vectors, least_score: float) -> list[Stack]:
    """Fold each hit under the first one before it that it is a duplicate of; the order of the others stays.

    Each is compared with what is shown, not with what is folded, so that chains do not grow.

    Args:
        hits: n answers, best first.
        vectors: (n, dim) L2-normalised float32, those of the hits' images in the same order.
        least_score: cosine from which two pictures are duplicates; files that are the same are so in any case.
    """
    shown: list[int] = []
    folded: dict[int, list[Hit]] = {}
    for place, hit in enumerate(hits):
        alike = vectors[shown] @ vectors[place] >= least_score
        same = np.array([hits[one].image.content_hash == hit.image.content_hash for one in shown], dtype=bool)
        found = np.flatnonzero(alike | same)
        if found.size:
            folded[shown[found[0]]].append(hit)
        else:
            shown.append(place)
            folded[place] = []
    return [Stack(hits[place], tuple(folded[place])) for place in shown]
