"""The files of the built-in captioner and judge: what pins them, and how they are loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..library.embedders.onnx_files import SessionSettings, load_session, reading
from ..library.types import Vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

WEIGHTS: Final = Path(__file__).parent / "weights" / "mini"
"""Where the package keeps them."""

FILES: Final = ("caption_memory.onnx", "caption_step.onnx", "caption_words.txt", "caption_names.json")

OTHER_LANGUAGES: Final = ("zh",)
"""Languages that the captioner writes beside English where `language_files` are there."""


def language_files(language: str) -> tuple[str, ...]:
    """Return what a language beside English needs: the next word's graph, the words, and the names of things."""
    return (f"caption_step.{language}.onnx", f"caption_words.{language}.txt", f"caption_names.{language}.tsv")


CAPTIONER: Final = "mini-captioner"
JUDGE: Final = "mini-judge"

Input: TypeAlias = "Vectors | NDArray[np.int64]"


@dataclass(frozen=True, slots=True)
class MiniManifest:
    """What `manifest.json` says: the SHA-256 of each file beside it, and of the towers that they were taught on.

    `judge_scale` and `judge_shift` make a probability of the judge's score of a sentence, `judge_word_scale` and
    `judge_word_shift` of a single word; manifests older than these go without.
    """

    version: str
    source: str
    licence: str
    towers: dict[str, str]
    files: dict[str, str]
    judge_scale: float
    judge_shift: float
    judge_word_scale: float = 1.1204
    judge_word_shift: float = -2.0864

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that captions are written in, English first."""
        return ("en", *(one for one in OTHER_LANGUAGES if set(language_files(one)) <= set(self.files)))

    def key(self, name: str) -> str:
        """Pin all that the answers depend on: the files, the towers, and for the judge how it is calibrated."""
        pinned: list[object] = [self.version, sorted(self.towers.items()), sorted(self.files.items())]
        if name == JUDGE:
            pinned.append([self.judge_scale, self.judge_shift, self.judge_word_scale, self.judge_word_shift])
        return f"{name}@{hashlib.sha256(json.dumps(pinned).encode()).hexdigest()[:12]}"


def read_mini_manifest(folder: Path = WEIGHTS) -> MiniManifest:
    """Read the manifest; the files themselves are not hashed, so this costs a millisecond.

    Raises:
        ModelUnavailable: the manifest is missing or broken.
    """
    path = folder / "manifest.json"
    with reading(path):
        return MiniManifest(**json.loads(path.read_text(encoding="utf-8")))


class Graph:
    """One ONNX file, loaded when first run. Thread-safe.

    Args:
        path: the file.
        threads: processor threads it may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        self._session: InferenceSession | None = None
        self._lock = Lock()

    def run(self, inputs: Mapping[str, Input]) -> list[Vectors]:
        """Return all outputs.

        Raises:
            ModelUnavailable: the file cannot be loaded.
        """
        found: list[Vectors] = self._loaded().run(None, dict(inputs))
        return found

    def _loaded(self) -> InferenceSession:
        with self._lock:
            if self._session is None:
                self._session = load_session(self._path, SessionSettings(threads=self._threads))
            return self._session


def read_text(path: Path) -> str:
    """Read a file of words.

    Raises:
        ModelUnavailable: it is missing or broken.
    """
    with reading(path):
        return path.read_text(encoding="utf-8")
