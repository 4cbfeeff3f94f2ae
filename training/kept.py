"""Find what of the places is worth keeping: their principal directions among training photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..library.embedders.base import normalized
from ..library.types import Vectors
from .seen import Seen

PLACE_BYTES = 64
DETAIL_BYTES = 24
WHOLE_BYTES = 128

_EVERY = 5


def write_kept(target: Path, train: Seen) -> dict[str, float]:
    """Write the directions, and return the share of the variance that each part of them keeps."""
    some = train.part(0, slice(None, None, _EVERY))
    pooled = train.photographs.pooled[: train.photographs.count].astype(np.float32)
    parts = {
        "place": (some.places, PLACE_BYTES),
        "detail": (some.detail, DETAIL_BYTES),
        "whole": (normalized(pooled), WHOLE_BYTES),
    }
    arrays: dict[str, Vectors] = {}
    kept: dict[str, float] = {}
    for name, (values, width) in parts.items():
        rows = values.reshape(-1, values.shape[-1])
        mean = rows.mean(axis=0)
        variances, directions = np.linalg.eigh(np.cov((rows - mean).T))
        best = slice(-1, -width - 1, -1)
        arrays[name] = (directions[:, best] / np.sqrt(variances[best])).astype(np.float32)
        arrays[f"{name}_mean"] = mean.astype(np.float32)
        kept[name] = float(variances[best].sum() / variances.sum())
    np.savez(target, **arrays)
    return kept
