"""Describe: image to text, by the labels of a vocabulary that lie nearest to it."""

from __future__ import annotations

import hashlib
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import QueryError
from ..library.types import Label, Vectors
from .pictures import embed_file

logger = logging.getLogger(__name__)

_BATCH = 64


@dataclass(frozen=True)
class Vocabulary:
    """Labels that a picture may be given, each once."""

    labels: tuple[str, ...]

    @classmethod
    def imagenet(cls) -> Vocabulary:
        """Return the names of ImageNet's 1,000 classes."""
        return cls._shipped("imagenet.txt")

    @classmethod
    def neutral(cls) -> Vocabulary:
        """Return some hundred everyday things, against which a library's scores are calibrated."""
        return cls._shipped("neutral.txt")

    @classmethod
    def _shipped(cls, name: str) -> Vocabulary:
        text = files(__package__).joinpath("vocabularies", name).read_text(encoding="utf-8")
        return cls(tuple(dict.fromkeys(text.splitlines())))

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the labels, for naming what was computed from them."""
        return hashlib.sha256("\n".join(self.labels).encode()).hexdigest()[:16]


class Describer:
    """Labels pictures. The vocabulary's vectors are computed once per model and kept in `cache`."""

    def __init__(self, embedder: Embedder, vocabulary: Vocabulary, cache: Path) -> None:
        self._embedder = embedder
        self._vocabulary = vocabulary
        key = hashlib.sha256(embedder.spec.key.encode()).hexdigest()[:16]
        self._file = cache / f"labels-{vocabulary.fingerprint}-{key}.npy"

    def describe(self, path: Path, k: int) -> list[Label]:
        """Return the `k` labels nearest to the picture in the file at `path`, best first.

        Raises:
            QueryError: `k` is less than 1.
            ImageUnreadable: the file cannot be read as a picture.
        """
        if k < 1:
            message = f"{k} labels were asked for: ask for at least 1"
            raise QueryError(message)
        vector = embed_file(self._embedder, path)[0]  # first, so that a wrong path is told at once
        scores = self._label_vectors @ vector
        best = np.argsort(-scores, kind="stable")[:k]
        return [Label(self._vocabulary.labels[index], float(scores[index])) for index in best]

    @cached_property
    def _label_vectors(self) -> Vectors:
        """(labels, dim) L2-normalised float32."""
        shape = (len(self._vocabulary.labels), self._embedder.spec.dim)
        try:
            with self._file.open("rb") as stream:
                vectors = np.lib.format.read_array(stream, allow_pickle=False)
            if vectors.shape == shape and vectors.dtype == np.float32:
                return np.asarray(vectors, dtype=np.float32)
        except (OSError, ValueError):
            pass  # not computed yet, or half a file: computed below
        labels = self._vocabulary.labels
        batches = [labels[start : start + _BATCH] for start in range(0, len(labels), _BATCH)]
        computed = np.concatenate([embed_queries(self._embedder, list(batch)) for batch in batches])
        self._keep(computed)
        return computed

    def _keep(self, vectors: Vectors) -> None:
        """Write the cache file whole or not at all; without it the next run computes again."""
        unfinished = self._file.with_name(f"{self._file.stem}-{uuid.uuid4().hex}.npy")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.save(unfinished, vectors)
            unfinished.replace(self._file)
        except OSError as error:
            logger.info("the labels' vectors are not kept: %s", error)
            with suppress(OSError):
                unfinished.unlink()
