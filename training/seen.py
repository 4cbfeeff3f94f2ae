"""Captioned photographs as captioner and judge are taught on them: what the frozen towers saw, and the captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.mini import MiniEmbedder
from ..library.embedders.mini import Seen as TowerSeen
from .captioned import read_captioned
from .scene_features import VIEWS, PhotographFeatures, photograph_features

SEED = 7
"""The same as train_mini's, so that what the towers said is in its cache already."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """n photographs of one split: their features in several views, and each one's captions."""

    photographs: PhotographFeatures
    captions: tuple[tuple[str, ...], ...]

    def part(self, view: int, numbers: Sequence[int] | NDArray[np.int64] | slice) -> TowerSeen:
        """Return what the tower said of some photographs in one view, float32."""
        photographs = self.photographs
        rows = slice(view * photographs.count, (view + 1) * photographs.count)
        return TowerSeen(
            *(
                values[rows][numbers].astype(np.float32)
                for values in (photographs.pooled, photographs.places, photographs.detail)
            )
        )


def read_seen(model: MiniEmbedder, folder: Path, cache: Path, split: str) -> Seen:
    """Read one split of a folder of captioned photographs, and have the tower look at it unless the cache knows.

    Raises:
        ModelUnavailable: the folder does not hold the split.
    """
    captioned = read_captioned(folder, split)
    views = VIEWS if split == "train" else 1
    return Seen(photograph_features(model, captioned, cache, views, SEED), captioned.captions)
