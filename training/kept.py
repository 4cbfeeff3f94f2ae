"""Find what of the places is worth keeping: their principal directions among training photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..library.embedders.base import normalized
from ..library.embedders.mini_places import KeptPlaces, PlaceKeeper
from .seen import Seen

PLACE_BYTES = 96
WHOLE_BYTES = 256

_EVERY = 5
_AT_ONCE = 500
_LEAST_SHARE = 1e-6


def write_kept(target: Path, train: Seen) -> dict[str, float]:
    """Write the directions, and return the share of the variance that each part of them keeps."""
    some = train.part(0, slice(None, None, _EVERY))
    pooled = train.photographs.pooled[: train.photographs.count].astype(np.float32)
    parts = {
        "place": (some.places, PLACE_BYTES),
        "whole": (normalized(pooled), WHOLE_BYTES),
    }
    arrays = {"length": np.asarray(np.linalg.norm(pooled, axis=1).mean(), np.float32)}
    kept: dict[str, float] = {}
    for name, (values, width) in parts.items():
        rows = values.reshape(-1, values.shape[-1])
        mean = rows.mean(axis=0)
        variances, directions = np.linalg.eigh(np.cov((rows - mean).T))
        best = slice(-1, -width - 1, -1)
        # Few photographs vary in few directions; the others are worth nothing, and must not be divided by nothing.
        deviations = np.sqrt(np.maximum(variances[best], _LEAST_SHARE * variances[-1]))
        arrays[name] = (directions[:, best] / deviations).astype(np.float32)
        arrays[f"{name}_mean"] = mean.astype(np.float32)
        kept[name] = float(variances[best].sum() / variances.sum())
    np.savez(target, allow_pickle=False, **arrays)
    return kept


def kept_of(seen: Seen, keeper: PlaceKeeper) -> KeptPlaces:
    """Return what is kept of every photograph as it is."""
    parts = [
        keeper.keep(seen.part(0, slice(start, start + _AT_ONCE)))
        for start in range(0, seen.photographs.count, _AT_ONCE)
    ]
    return KeptPlaces(np.concatenate([one.places for one in parts]), np.concatenate([one.whole for one in parts]))
