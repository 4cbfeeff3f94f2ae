"""What the judge is taught on: what is kept of photographs, and captions true and changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.mini import MiniEmbedder
from ..library.embedders.mini_places import KeptPlaces, PlaceKeeper
from .changed import changed_captions
from .scene_features import TextStates, text_states
from .seen import SEED, Seen

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """All that a judge is taught on.

    `places` is (views, n, 81, p) int8 and `whole` (views, n, w) int8. `texts` are the captions, `captions_of`
    the numbers of each photograph's, and `falsified` by a caption's number those of `false` that were made of it.
    """

    places: NDArray[np.int8]
    whole: NDArray[np.int8]
    texts: TextStates
    captions_of: list[NDArray[np.int64]]
    false: TextStates
    falsified: dict[int, list[int]]


def lessons_of(train: Seen, keeper: PlaceKeeper, model: MiniEmbedder, cache: Path, views: int) -> Lessons:
    """Reduce what was seen to what is kept, and have the text tower read all captions, true and false."""
    kept = [kept_of(train, keeper, view) for view in range(min(views, train.photographs.views))]
    captions = [caption for said in train.captions for caption in said]
    ends = np.cumsum([0, *map(len, train.captions)])
    false = list(changed_captions(captions, SEED))
    falsified: dict[int, list[int]] = {}
    for number, one in enumerate(false):
        falsified.setdefault(one.caption, []).append(number)
    return Lessons(
        np.stack([one.places for one in kept]),
        np.stack([one.whole for one in kept]),
        text_states(model, captions, cache),
        [np.arange(start, end) for start, end in pairwise(ends)],
        text_states(model, [one.text for one in false], cache),
        falsified,
    )


def kept_of(seen: Seen, keeper: PlaceKeeper, view: int) -> KeptPlaces:
    """Return what is kept of every photograph in one view."""
    parts = [
        keeper.keep(seen.part(view, slice(start, start + _AT_ONCE)))
        for start in range(0, seen.photographs.count, _AT_ONCE)
    ]
    return KeptPlaces(np.concatenate([one.places for one in parts]), np.concatenate([one.whole for one in parts]))
