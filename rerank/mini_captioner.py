"""The built-in captioner: a small decoder over the places that the built-in model sees, on ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ..library.embedders.mini import MiniEmbedder
from ..library.errors import QueryError
from ..library.types import Vectors
from .base import CaptionStyle, JudgeSpec
from .beam import BeamOptions, State, Words, Written, search
from .mini_decoder import END, LONGEST, PAD, START, UNKNOWN, MiniDecoder
from .mini_files import CAPTIONER, WEIGHTS, read_mini_manifest
from .mini_names import Names

if TYPE_CHECKING:
    from PIL import Image

    from ..library.embedders.mini import Seen

BATCH: Final = 8

_LEADING: Final = frozenset(
    {
        "a",
        "an",
        "the",
        "its",
        "his",
        "her",
        "their",
        "some",
        "of",
        "in",
        "on",
        "at",
        "to",
        "by",
        "with",
        "and",
        "or",
        "while",
        "as",
        "from",
        "over",
        "into",
        "near",
        "under",
        "through",
        "front",
        "is",
        "are",
        "that",
        "which",
        "who",
        "another",
    }
)
_TIGHT: Final = re.compile(r" (?=(?:'s|'re|'ve|'ll|'d|'m|n't)\b)")


class MiniCaptioner:
    """One short English sentence, or the name of what is seen. Thread-safe; weights load with the first picture.

    Args:
        embedder: the built-in model, if it is there already.
        folder: the captioner's files.
    """

    def __init__(self, embedder: MiniEmbedder | None = None, folder: Path = WEIGHTS) -> None:
        self._embedder = embedder or MiniEmbedder()
        self._folder = folder
        self._manifest = read_mini_manifest(folder)
        self._decoder = MiniDecoder(folder)

    @property
    def spec(self) -> JudgeSpec:
        """The captioner's identity, from its manifest."""
        return JudgeSpec(
            key=self._manifest.key(CAPTIONER),
            name="mini",
            device="processor",
            batch_size=BATCH,
            prompt_version="unprompted-1",
            side_px=self._embedder.spec.image_size,
        )

    def caption(self, images: Sequence[Image.Image], style: CaptionStyle) -> list[str]:
        """Caption n RGB images; n texts in their order.

        Raises:
            QueryError: the language is not English.
            ModelUnavailable: the installation is damaged.
        """
        if style.language.partition("-")[0].lower() != "en":
            raise QueryError(f"mini captions in English alone, not in {style.language!r}: use llava or a server")
        found: list[str] = []
        for start in range(0, len(images), BATCH):
            pixels = np.stack([self._embedder.preprocess(image) for image in images[start : start + BATCH]])
            found += self.captions_of(self._embedder.look(pixels))
        return found

    def captions_of(self, seen: Seen) -> list[str]:
        """Caption n pictures by what the image tower says of them."""
        chances, written = self.written(seen)
        return [
            self._sentence(self._names.choose(chance, [(one, self.words_of(one)) for one in ends]))
            for chance, ends in zip(chances, written, strict=True)
        ]

    def written(self, seen: Seen) -> tuple[Vectors, list[list[Written]]]:
        """Return the classes' (n, 1000) chances, and for each picture what the decoder wrote, best first."""
        chances, picture = self._decoder.memory(seen.places, seen.features)
        options = BeamOptions(START, END, never=(PAD, START, UNKNOWN), longest=LONGEST)

        def step(latest: Words, place: int, state: State) -> tuple[Vectors, State]:
            return self._decoder.step(latest, place, state, picture)

        return chances, search(step, self._decoder.fresh(picture, options.beams), len(seen.features), options)

    def words_of(self, written: Written) -> list[str]:
        """Return a caption's words."""
        return [self._decoder.words[number] for number in written.words]

    @cached_property
    def _names(self) -> Names:
        return Names.read(self._folder / "caption_names.json")

    @staticmethod
    def _sentence(words: Sequence[str] | str) -> str:
        text = words if isinstance(words, str) else _TIGHT.sub("", " ".join(finished(words)))
        return f"{text[:1].upper()}{text[1:]}."


def finished(words: Sequence[str]) -> Sequence[str]:
    """Drop words from the end that lead to others, as a caption cut off for its length has them."""
    end = len(words)
    while end > 1 and words[end - 1] in _LEADING:
        end -= 1
    return words[:end]
