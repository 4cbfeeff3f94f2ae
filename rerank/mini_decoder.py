"""The small decoder of words behind the built-in captioner and judge: two graphs on ONNX Runtime, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from ..library.types import Vectors
from .beam import State, Words
from .mini_files import Graph, read_text

PAD, START, END, UNKNOWN = range(4)
"""The first word numbers are marks."""

LONGEST: Final[Mapping[str, int]] = MappingProxyType({"en": 20, "zh": 19})
"""Words, or characters, and the mark at their end: longer captions were cut when it learned."""

ENGLISH: Final = "en"

_THREADS: Final = 1
"""The graphs are small: two threads gain little on idle cores, and on busy ones each waits for the other."""


class MiniDecoder:
    """Foretells the words of a caption from what the image tower sees. Thread-safe; its graphs load when first run.

    Args:
        folder: its files.
        language: of its words; pictures are taken in alike for all of them.
    """

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        mark = "" if language == ENGLISH else f".{language}"
        self._memory = Graph(folder / "caption_memory.onnx", _THREADS)
        self._step = Graph(folder / f"caption_step{mark}.onnx", _THREADS)
        self._words = folder / f"caption_words{mark}.txt"
        self.longest = LONGEST[language]

    def memory(self, places: Vectors, features: Vectors) -> tuple[Vectors, list[Vectors]]:
        """Take in n pictures by their (n, 81, 352) places and (n, 1280) features.

        Returns:
            The classes' (n, 1000) chances, and what `step` needs of the pictures.
        """
        chances, *picture = self._memory.run({"places": places, "pooled": features})
        return chances, picture

    @staticmethod
    def fresh(picture: list[Vectors], beams: int) -> State:
        """Return what is kept of captions before their first word."""
        count, heads, _, width = picture[0].shape
        return [np.zeros((count * beams, heads, 0, width), np.float32) for _ in picture]

    def step(self, latest: Words, place: int, state: State, picture: list[Vectors]) -> tuple[Vectors, State]:
        """Return the (n, beams, words) log-probabilities of what follows (n, beams) `latest`, and the state then."""
        inputs = {f"past_{number}": part for number, part in enumerate(state)}
        inputs |= {f"picture_{number}": part for number, part in enumerate(picture)}
        found, *grown = self._step.run({"words": latest, "place": np.array([place], np.int64), **inputs})
        return found, grown

    @cached_property
    def words(self) -> list[str]:
        """Return its words by number, the marks first."""
        return read_text(self._words).splitlines()

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return the numbers of its words."""
        return {word: number for number, word in enumerate(self.words)}
