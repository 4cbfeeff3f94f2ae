"""What is kept of the places that the built-in model sees in a picture, so that a judge need not see it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ..types import Vectors
from .base import normalized
from .onnx_files import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .mini import Seen

FILE_NAME: Final = "kept_places.npz"

PLACES: Final = 81
"""Nine rows of nine."""

_RANGE: Final = 4.0
"""Values are cut off at so many deviations: the largest byte, 127."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPlaces:
    """What is kept of n pictures: (n, 81, p) int8 of their places, (n, w) int8 of the whole; n at least 1."""

    places: NDArray[np.int8]
    whole: NDArray[np.int8]

    def with_average(self) -> KeptPlaces:
        """Return the same and one more, the average of all training photographs: a picture of nothing in particular."""
        return KeptPlaces(
            np.concatenate([self.places, np.zeros_like(self.places[:1])]),
            np.concatenate([self.whole, np.zeros_like(self.whole[:1])]),
        )

    def rows(self) -> list[bytes]:
        """Return each picture's bytes."""
        flat = np.concatenate([self.places.reshape(len(self.places), -1), self.whole], axis=1)
        return [row.tobytes() for row in flat]


class PlaceKeeper:
    """Projects on the principal directions of training photographs, a byte a number. Thread-safe.

    Args:
        folder: where the directions lie.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    @cached_property
    def version(self) -> str:
        """Pins the directions: rows kept under one version are never read under another."""
        return hashlib.sha256(self._bytes()).hexdigest()[:12]

    @property
    def row_bytes(self) -> int:
        """How many bytes are kept of a picture."""
        return int(PLACES * self._place_width + self._arrays["whole"].shape[1])

    def keep(self, seen: Seen) -> KeptPlaces:
        """Reduce what the tower says of n pictures."""
        return KeptPlaces(self._projected(seen.places, "place"), self._projected(normalized(seen.features), "whole"))

    def restored(self, kept: KeptPlaces) -> tuple[Vectors, Vectors]:
        """Return n pictures' (n, 81, 352) places and (n, 1280) features, as far as they were kept."""
        features = self._unprojected(kept.whole, "whole") * float(self._arrays["length"])
        return self._unprojected(kept.places, "place"), np.maximum(features, 0.0)

    def read(self, rows: list[bytes]) -> KeptPlaces:
        """Take n pictures' bytes apart.

        Raises:
            ValueError: a row has not the length of this version.
        """
        flat = np.frombuffer(b"".join(rows), dtype=np.int8).reshape(len(rows), self.row_bytes)
        end = PLACES * self._place_width
        return KeptPlaces(flat[:, :end].reshape(len(rows), PLACES, self._place_width), flat[:, end:])

    @property
    def _place_width(self) -> int:
        return int(self._arrays["place"].shape[1])

    def _unprojected(self, values: NDArray[np.int8], name: str) -> Vectors:
        directions = self._arrays[name]
        # Orthogonal, so that their transpose, over their squared lengths, leads back.
        back = directions.T / np.square(directions).sum(axis=0)[:, np.newaxis]
        found = values.astype(np.float32) * (_RANGE / 127) @ back + self._arrays[f"{name}_mean"]
        return np.asarray(found, dtype=np.float32)

    def _projected(self, values: Vectors, name: str) -> NDArray[np.int8]:
        # The directions are stored divided by their deviations.
        found = (values - self._arrays[f"{name}_mean"]) @ self._arrays[name]
        return np.rint(np.clip(found * (127 / _RANGE), -127, 127)).astype(np.int8)

    @cached_property
    def _arrays(self) -> dict[str, Vectors]:
        with reading(self._path), np.load(self._path) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}

    def _bytes(self) -> bytes:
        with reading(self._path):
            return self._path.read_bytes()
