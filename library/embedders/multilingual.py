"""The multilingual side of mini: a text tower for other languages than English, into the same space."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from ..types import Vectors
from .base import normalized
from .languages import LatinProfile, is_english
from .long_text import embed_long
from .onnx_files import SessionSettings, damaged_installation, load_session, load_tokenizer, reading

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MULTILINGUAL = "multilingual"
"""The folder beside mini's own files."""

FILES = ("tower.onnx", "head.onnx", "tokenizer.json", "latin.npz")

PREFIX = "query: "
"""What multilingual-e5 was taught to see before a text that asks."""

TEXT_LIMIT_TOKENS = 128
"""Longer texts are split, as those in English are."""


@dataclass(frozen=True, slots=True)
class MultilingualManifest:
    """What `manifest.json` says: the key of the mini whose space the head maps into, and each file's SHA-256."""

    version: str
    space: str
    source: str
    licence: str
    files: dict[str, str]


def read_multilingual_manifest(folder: Path) -> MultilingualManifest:
    """Read the manifest of a multilingual side.

    Raises:
        ModelUnavailable: it is missing or broken.
    """
    path = folder / "manifest.json"
    with reading(path):
        return MultilingualManifest(**json.loads(path.read_text(encoding="utf-8")))


class MultilingualText:
    """Texts in other languages than English to vectors of mini's joint space. Each part loads when first needed.

    Args:
        folder: the files.
        space: the key of the mini that the vectors are for.

    Raises:
        ModelUnavailable: the manifest is missing or broken, or made for another mini.
    """

    def __init__(self, folder: Path, space: str) -> None:
        manifest = read_multilingual_manifest(folder)
        if manifest.space != space:
            raise damaged_installation(f"{folder} belongs to {manifest.space}, not to {space}")
        self._folder = folder
        self._lock = Lock()

    def reads(self, text: str) -> bool:
        """Whether a text is this tower's rather than the English one's."""
        return not is_english(text, self._latin)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts, at least one, into (n, dim) L2-normalised float32; a long one is the mean of its parts."""
        return embed_long(texts, TEXT_LIMIT_TOKENS, self._count_tokens, self._embed_short)

    def features(self, text: str) -> Vectors:
        """Return the tower's own (1, 1536) float32 features of one text within the limit, not normalised."""
        # Texts go one by one, as in the English tower: no text is padded, and most questions are one text.
        ids = self._ids(text)[:TEXT_LIMIT_TOKENS]
        return self._run(self._tower, "ids", np.array([ids], dtype=np.int64))

    def vectors_of(self, features: Vectors) -> Vectors:
        """Return (n, dim) L2-normalised float32: the vectors of texts whose (n, 1536) features these are."""
        return normalized(self._run(self._head, "features", features))

    def _embed_short(self, texts: Sequence[str]) -> Vectors:
        return self.vectors_of(np.concatenate([self.features(text) for text in texts]))

    def _count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(PREFIX + text).ids)

    def _run(
        self, session: InferenceSession, name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
    ) -> Vectors:
        outputs: list[Vectors] = session.run(None, {name: values})
        return outputs[0]

    @cached_property
    def _latin(self) -> LatinProfile:
        path = self._folder / "latin.npz"
        with reading(path):
            return LatinProfile.read(path)

    @cached_property
    def _tower(self) -> InferenceSession:
        return self._session("tower.onnx")

    @cached_property
    def _head(self) -> InferenceSession:
        return self._session("head.onnx")

    def _session(self, name: str) -> InferenceSession:
        # The scales are stored in 16 bits: this level turns them to 32 once, when loading.
        with self._lock:
            return load_session(self._folder / name, SessionSettings(optimized="basic"))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            return load_tokenizer(self._folder / "tokenizer.json")


def embed_by_language(
    texts: Sequence[str], embed_english: Callable[[Sequence[str]], Vectors], others: MultilingualText
) -> Vectors:
    """Embed n texts, at least one, each by the tower that reads it, into (n, dim) L2-normalised float32."""
    theirs = [row for row, text in enumerate(texts) if others.reads(text)]
    if not theirs:
        return embed_english(texts)
    foreign = others.embed([texts[row] for row in theirs])
    if len(theirs) == len(texts):
        return foreign
    english = sorted(set(range(len(texts))).difference(theirs))
    vectors = np.empty((len(texts), foreign.shape[1]), np.float32)
    vectors[theirs] = foreign
    vectors[english] = embed_english([texts[row] for row in english])
    return vectors
