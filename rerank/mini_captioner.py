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
from .mini_decoder import END, ENGLISH, PAD, START, UNKNOWN, MiniDecoder
from .mini_files import CAPTIONER, WEIGHTS, read_mini_manifest
from .mini_names import ChineseNames, Names

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
    """One short sentence, or the name of what is seen. Thread-safe; weights load when needed.

    Args:
        embedder: the built-in model, if it is there already.
        folder: the captioner's files.
    """

    def __init__(self, embedder: MiniEmbedder | None = None, folder: Path = WEIGHTS) -> None:
        self._embedder = embedder or MiniEmbedder()
        self._folder = folder
        self._manifest = read_mini_manifest(folder)
        self._decoders = {language: MiniDecoder(folder, language) for language in self._manifest.languages}

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
            QueryError: the language is none that it writes.
            ModelUnavailable: the installation is damaged.
        """
        language = style.language.partition("-")[0].lower()
        if language not in self._decoders:
            raise QueryError(
                f"mini captions in {', '.join(self._decoders)}, not in {style.language!r}: "
                "for other languages name a larger model, as in --vlm llava, or a server's URL"
            )
        found: list[str] = []
        for start in range(0, len(images), BATCH):
            pixels = np.stack([self._embedder.preprocess(image) for image in images[start : start + BATCH]])
            found += self.captions_of(self._embedder.look(pixels), language)
        return found

    def captions_of(self, seen: Seen, language: str = ENGLISH) -> list[str]:
        """Caption n pictures by what the image tower says of them."""
        chances, picture = self._decoders[ENGLISH].memory(seen.places, seen.features)
        written = self._search(ENGLISH, picture)
        # English decides in every language whether a caption or a name is given: only of its words is it known which
        # classes they speak of.
        chosen = [
            self._names.choose(chance, [(one, self.words_of(one)) for one in ends])
            for chance, ends in zip(chances, written, strict=True)
        ]
        if language == ENGLISH:
            return [self._sentence(one) for one in chosen]
        captioned = [number for number, one in enumerate(chosen) if not isinstance(one, str)]
        captions = [f"{self._chinese_names.hedged(chance)}。" for chance in chances]
        if captioned:
            ends_of = self._search(language, [part[captioned] for part in picture])
            for number, ends in zip(captioned, ends_of, strict=True):
                captions[number] = f"{''.join(self.words_of(ends[0], language))}。"
        return captions

    def written(self, seen: Seen, language: str = ENGLISH) -> list[list[Written]]:
        """Return for each of n pictures what the decoder of a language wrote, best first."""
        return self._search(language, self._decoders[ENGLISH].memory(seen.places, seen.features)[1])

    def words_of(self, written: Written, language: str = ENGLISH) -> list[str]:
        """Return a caption's words, or its characters."""
        return [self._decoders[language].words[number] for number in written.words]

    def _search(self, language: str, picture: list[Vectors]) -> list[list[Written]]:
        decoder = self._decoders[language]
        never, may_repeat = (PAD, START, UNKNOWN), language != ENGLISH
        options = BeamOptions(START, END, never=never, longest=decoder.longest, may_repeat=may_repeat)

        def step(latest: Words, place: int, state: State) -> tuple[Vectors, State]:
            return decoder.step(latest, place, state, picture)

        return search(step, decoder.fresh(picture, options.beams), len(picture[0]), options)

    @cached_property
    def _names(self) -> Names:
        return Names.read(self._folder / "caption_names.json")

    @cached_property
    def _chinese_names(self) -> ChineseNames:
        return self._names.in_chinese(self._folder / "caption_names.zh.tsv")

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
