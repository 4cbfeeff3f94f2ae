"""What the multilingual tower says of texts, computed once and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..library.embedders.multilingual import MultilingualText

LONGEST_TEXT = 600
"""Characters; a few glosses are longer than the tower's limit."""


class OtherFeatures:
    """The tower's features of texts.

    Args:
        tower: the folder's texts.
        cache: where they are kept.
        pinned: what the tower is: its file's hash.
    """

    def __init__(self, tower: MultilingualText, cache: Path, pinned: str) -> None:
        self._tower = tower
        self._path = cache / f"multilingual-{pinned[:12]}.npz"
        self._rows: dict[str, int] = {}
        self._found: list[NDArray[np.float16]] = []
        if self._path.exists():
            with np.load(self._path) as stored:
                self._rows = {text: row for row, text in enumerate(json.loads(stored["texts"].tobytes()))}
                self._found = list(stored["features"])

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Return (n, features) float16."""
        for text in texts:
            if text not in self._rows:
                self._rows[text] = len(self._found)
                self._found.append(self._tower.features(text[:LONGEST_TEXT])[0].astype(np.float16))
        return np.stack([self._found[self._rows[text]] for text in texts])

    def save(self) -> None:
        """Keep what is known for the next run."""
        texts = np.frombuffer(json.dumps(list(self._rows)).encode(), np.uint8)
        np.savez(self._path, texts=texts, features=np.stack(self._found))
