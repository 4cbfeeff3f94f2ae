"""Image to text: the labels of a vocabulary nearest to it, and zero-shot classification by one's own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..library.checked_files import read_checked, write_checked
from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.errors import ImageUnreadable, QueryError
from ..library.types import Label, Vectors
from .query.query import check_text

logger = logging.getLogger(__name__)

_BATCH = 64

DEFAULT_VOCABULARY = "nouns"
"""The vocabulary that describe uses unless told otherwise."""


@dataclass(frozen=True)
class Vocabulary:
    """Labels that a picture may be given, each once.

    `shown` are the same in another language; the model reads the labels themselves.
    """

    labels: tuple[str, ...]
    shown: tuple[str, ...] | None = None

    @classmethod
    def imagenet(cls) -> Vocabulary:
        """Return the names of ImageNet's 1,000 classes."""
        return cls._shipped("imagenet.txt")

    @classmethod
    def nouns(cls) -> Vocabulary:
        """Return WordNet's nouns for what can be photographed, 12,000 of them, the commonest first."""
        return cls._shipped("nouns.txt")

    @classmethod
    def named(cls, name: str) -> Vocabulary:
        """Return one of the vocabularies that photoseek ships: `nouns` or `imagenet`.

        Raises:
            QueryError: there is none of this name.
        """
        if name == "nouns":
            return cls.nouns()
        if name == "imagenet":
            return cls.imagenet()
        message = f"no vocabulary named {name!r}: choose nouns or imagenet"
        raise QueryError(message)

    @classmethod
    def in_language(cls, language: str) -> Vocabulary:
        """Return the things whose names in `language` are known, some hundreds: the emoji's, as CLDR has them.

        Args:
            language: as in `zh`, `zh-hant` or `pt`; whether letters are small, and `_` for `-`, makes no difference.

        Raises:
            QueryError: no names are known in this language.
        """
        heading, *rows = (line.split("\t") for line in _lines("names.tsv"))
        wanted = language.strip().lower().replace("_", "-")
        # zh-TW and zh-HK write the traditional characters; of other regions the language is enough.
        wanted = "zh-hant" if wanted in ("zh-tw", "zh-hk", "zh-mo") else wanted
        column = next((name for name in (wanted, wanted.partition("-")[0]) if name in heading), None)
        if column is None:
            message = f"no names are known in {language!r}: choose one of {', '.join(sorted(heading))}"
            raise QueryError(message)
        place = heading.index(column)
        named = [(row[0], row[place]) for row in rows if row[place]]
        labels, shown = zip(*named, strict=True)
        return cls(labels, shown)

    @classmethod
    def neutral(cls) -> Vocabulary:
        """Return some hundred everyday things and sentences, against which a library's scores are calibrated."""
        return cls._shipped("neutral.txt")

    @classmethod
    def _shipped(cls, name: str) -> Vocabulary:
        return cls(tuple(dict.fromkeys(_lines(name))))

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the labels, for naming what was computed from them."""
        return hashlib.sha256("\n".join(self.labels).encode()).hexdigest()[:16]


def _lines(name: str) -> list[str]:
    return files(__package__).joinpath("vocabularies", name).read_text(encoding="utf-8").splitlines()


class Describer:
    """Labels pictures. The vocabulary's vectors are computed once per model and kept in `cache`.

    `progress` is told how many labels are done, of how many, while they are computed. Processes that start together
    may compute the same vectors; each keeps a file of its own until it is whole, so that none reads half of one.
    """

    def __init__(
        self,
        embedder: Embedder,
        vocabulary: Vocabulary,
        cache: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._embedder = embedder
        self.vocabulary = vocabulary
        self._progress = progress
        key = hashlib.sha256(embedder.spec.key.encode()).hexdigest()[:16]
        self._file = cache / f"labels-{vocabulary.fingerprint}-{key}.f32"

    def describe(self, path: Path, k: int) -> list[Label]:
        """Return the `k` labels nearest to the picture in the file at `path`, best first.

        Raises:
            QueryError: `k` is less than 1.
            ImageUnreadable: the file cannot be read as a picture.
        """
        # What decodes pictures is imported when one is asked about: a search by words imports this module too.
        from .query_embedder import embed_file

        if k < 1:
            message = f"{k} labels were asked for: ask for at least 1"
            raise QueryError(message)
        return self.nearest(embed_file(self._embedder, path), k)  # embedded first: a wrong path is told at once

    def nearest(self, vector: Vectors, k: int) -> list[Label]:
        """Return the `k` labels nearest to a picture's vector, (1, dim) L2-normalised float32, best first."""
        scores = self._label_vectors @ vector[0]
        best = np.argsort(-scores, kind="stable")[:k]
        shown = self.vocabulary.shown or self.vocabulary.labels
        return [Label(shown[index], float(scores[index])) for index in best]

    @cached_property
    def _label_vectors(self) -> Vectors:
        """(labels, dim) L2-normalised float32."""
        shape = (len(self.vocabulary.labels), self._embedder.spec.dim)
        kept = read_checked(self._file)  # None where it is not computed yet, or damaged: computed below
        if kept is not None and len(kept) == 4 * shape[0] * shape[1]:
            return np.frombuffer(kept, dtype="<f4").reshape(shape).astype(np.float32, copy=False)
        labels = self.vocabulary.labels
        computed = np.empty(shape, dtype=np.float32)
        for start in range(0, len(labels), _BATCH):
            batch = labels[start : start + _BATCH]
            computed[start : start + len(batch)] = embed_queries(self._embedder, batch)
            if self._progress is not None:
                self._progress(start + len(batch), len(labels))
        self._keep(computed)
        return computed

    def _keep(self, vectors: Vectors) -> None:
        """Write the cache file whole or not at all; without it the next run computes again."""
        try:
            with write_checked(self._file) as stream:
                stream.write(np.ascontiguousarray(vectors, dtype="<f4").data)
        except OSError as error:
            logger.info("the labels' vectors are not kept: %s", error)


Values: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chance:
    """One label, and how likely it is among all that were given."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classified:
    """A picture and its labels, likeliest first; their probabilities sum to 1."""

    path: Path
    labels: tuple[Chance, ...]


class Classifier:
    """Tells `labels` apart in the space of one model.

    Raises:
        QueryError: fewer than two labels, an empty one, or one given twice.
    """

    def __init__(self, embedder: Embedder, labels: Sequence[str]) -> None:
        self._embedder = embedder
        self._labels = [" ".join(label.split()) for label in labels]
        check_text("".join(self._labels), "the labels")
        if not all(self._labels):
            raise QueryError("one of the labels is empty")
        if len(set(self._labels)) < len(self._labels):
            raise QueryError("a label is given twice: each can be chosen once")
        if len(self._labels) < 2:
            raise QueryError("there is nothing to choose from: give two labels or more, as in --labels cat,dog")

    def classify(
        self, paths: Sequence[Path], on_unreadable: Callable[[ImageUnreadable], None] | None = None
    ) -> Iterator[Classified]:
        """Yield each picture with its labels, one picture in memory at a time.

        Raises:
            ImageUnreadable: a file cannot be read as a picture, and there is no `on_unreadable` to be told of it.
        """
        for path in paths:
            try:
                yield self._classified(path)
            except ImageUnreadable as error:
                if on_unreadable is None:
                    raise
                on_unreadable(error)

    def _classified(self, path: Path) -> Classified:
        from .query_embedder import embed_file

        scores = (self._label_vectors @ embed_file(self._embedder, path)[0]).astype(np.float64)
        chances = softmax(scores * self._embedder.spec.logit_scale)
        best_first = np.argsort(-chances, kind="stable")
        return Classified(path, tuple(Chance(self._labels[place], float(chances[place])) for place in best_first))

    @cached_property
    def _label_vectors(self) -> Vectors:
        """(labels, dim) L2-normalised float32."""
        return embed_queries(self._embedder, self._labels)


def softmax(logits: Values) -> Values:
    """Return the probabilities of (n,) logits; none is so large that it overflows."""
    powers: Values = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), dtype=np.float64)
