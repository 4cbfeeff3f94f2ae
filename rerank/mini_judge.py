"""The built-in judge: a query's tokens and the places of a picture look at one another, on ONNX Runtime."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ..library.embedders.mini import MiniEmbedder
from ..library.types import ImageRecord, Vectors
from ..search.calibration import Values
from .base import Judgement, JudgeSpec
from .fusion import probability
from .mini_files import JUDGE_FILES, WEIGHTS, Graph, read_mini_manifest

if TYPE_CHECKING:
    from PIL import Image

    from ..library.embedders.mini_places import KeptPlaces, PlaceKeeper

Kept: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, bytes]]
"""Looks up what one version kept of pictures when they were indexed, by their content."""

USUAL_WEIGHT: Final = 0.5

BATCH: Final = 8
_KEPT_BATCH: Final = 64
_KEPT_QUERIES: Final = 64
_LONGEST: Final = 64
"""Tokens read of a query: more than the longest caption that the judge has learned from, twice over."""


def nothing_kept(_version: str, _content_hashes: Sequence[str]) -> dict[str, bytes]:
    """Know no picture from before."""
    return {}


class MiniJudge:
    """Judges pictures by what the built-in model sees at each place of them. Thread-safe; weights load when needed.

    Args:
        embedder: the built-in model, if it is there already.
        kept: what was kept of images when they were indexed; those are judged without their files.
        folder: the judge's files.
    """

    def __init__(self, embedder: MiniEmbedder | None = None, kept: Kept = nothing_kept, folder: Path = WEIGHTS) -> None:
        self._embedder = embedder or MiniEmbedder()
        self._kept = kept
        self._manifest = read_mini_manifest(folder)
        self._graph = Graph(folder / "judge.onnx", os.cpu_count() or 1)
        self._lock = Lock()
        self._queries: OrderedDict[str, tuple[Vectors, Vectors]] = OrderedDict()

    @property
    def spec(self) -> JudgeSpec:
        """The judge's identity, from its manifest and what it is given to see."""
        return JudgeSpec(
            key=f"{self._manifest.key('mini-judge', JUDGE_FILES)}+{self.keeper.version}",
            name="mini",
            device="processor",
            batch_size=BATCH,
            side_px=self._embedder.spec.image_size,
            usual_weight=USUAL_WEIGHT,
        )

    @property
    def keeper(self) -> PlaceKeeper:
        """What makes of a picture what is kept of it."""
        return self._embedder.keeper

    def judge(self, images: Sequence[Image.Image], query: str) -> list[Judgement]:
        """Judge n RGB images; n judgements in their order."""
        found: list[Judgement] = []
        for start in range(0, len(images), BATCH):
            pixels = np.stack([self._embedder.preprocess(image) for image in images[start : start + BATCH]])
            found += self._judged(self.keeper.keep(self._embedder.look(pixels)), query)
        return found

    def judge_known(self, images: Sequence[ImageRecord], query: str) -> list[Judgement | None]:
        """Judge those of n images of the library of which enough was kept; None where the picture must be seen."""
        rows = self._kept(self.keeper.version, [image.content_hash for image in images])
        known = [number for number, image in enumerate(images) if image.content_hash in rows]
        found: list[Judgement | None] = [None] * len(images)
        for start in range(0, len(known), _KEPT_BATCH):
            some = known[start : start + _KEPT_BATCH]
            judged = self._judged(self.keeper.read([rows[images[number].content_hash] for number in some]), query)
            for number, judgement in zip(some, judged, strict=True):
                found[number] = judgement
        return found

    def scores(self, kept: KeptPlaces, query: str) -> Vectors:
        """Return (n,) scores before they are made probabilities."""
        states, sentence = self._read(query)
        inputs = {"places": kept.places, "whole": kept.whole, "states": states, "sentence": sentence}
        return self._graph.run(inputs)[0]

    def log_odds(self, kept: KeptPlaces, query: str) -> Values:
        """Return (n,) log-odds that pictures of which this was kept match a query."""
        return np.asarray(
            self._manifest.judge_scale * self.scores(kept, query).astype(np.float64) + self._manifest.judge_shift
        )

    def _judged(self, kept: KeptPlaces, query: str) -> list[Judgement]:
        if not len(kept.places):
            return []
        return [Judgement(float(chance)) for chance in probability(self.log_odds(kept, query))]

    def _read(self, query: str) -> tuple[Vectors, Vectors]:
        """Return the query's (1, t, 384) token states and (1, 384) vector; remembers the latest queries'."""
        with self._lock:
            if query in self._queries:
                self._queries.move_to_end(query)
                return self._queries[query]
        read = self._embedder.read(query)
        found = read.states[:, :_LONGEST], read.embedding
        with self._lock:
            self._queries[query] = found
            while len(self._queries) > _KEPT_QUERIES:
                self._queries.popitem(last=False)
        return found

    @cached_property
    def row_bytes(self) -> int:
        """How many bytes are kept of a picture."""
        return self.keeper.row_bytes
