"""A library's calibration on disk: learned once, kept beside the vectors, learned again when the library has grown."""

from __future__ import annotations

import json
import logging
import uuid
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.types import Vectors
from ..library.vectors.generations import model_folder_name
from ..library.vectors.live_vectors import LiveVectors
from .calibration import SAMPLE_IMAGES, Calibration, Curve

logger = logging.getLogger(__name__)

STALE_SHARE: Final = 0.1
"""A library that has grown or shrunk by more than this is learned again."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What a calibration was made of."""

    library_id: str
    model_key: str
    vocabulary: str
    count: int


class Calibrations:
    """The calibration of one library in one model's space. Thread-safe.

    Args:
        catalog: the library.
        vectors: its vectors in the model's space.
        model: the model's row in the catalogue.
        folders: where the file may be. It is kept in the first; one that cannot be written keeps it in memory alone.
        vocabulary: a name for the neutral texts, which changes with them.
        embed_neutral: returns the neutral texts' vectors, (t, dim) L2-normalised float32.
    """

    def __init__(
        self,
        catalog: Catalog,
        vectors: LiveVectors,
        model: ModelRow,
        folders: Sequence[Path],
        vocabulary: str,
        embed_neutral: Callable[[], Vectors],
    ) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._model = model
        self._files = [folder / f"{model_folder_name(model.key)}.npz" for folder in folders]
        self._vocabulary = vocabulary
        self._embed_neutral = embed_neutral
        self._lock = Lock()
        self._seen_seq = -1
        self._kept: tuple[_Made, Calibration] | None = None

    def current(self) -> Calibration:
        """Return the calibration, learning it when there is none or the library has changed much; needs one image."""
        with self._lock:
            meta = self._catalog.meta()
            if self._kept is not None and meta.change_seq == self._seen_seq:
                return self._kept[1]
            count = self._catalog.count_vectors(self._model.id)
            made = _Made(meta.library_id, self._model.key, self._vocabulary, count)
            if self._kept is None:
                self._kept = self._read(made)
            if self._kept is None or not _still_holds(self._kept[0], made):
                calibration = self._learn(made)
                self._kept = (made, calibration)
                self._write(made, calibration)
            self._seen_seq = meta.change_seq
            return self._kept[1]

    def _learn(self, made: _Made) -> Calibration:
        sample = self._vectors.vector_of(self._catalog.sample_ids(self._model.id, SAMPLE_IMAGES))
        same_texts = self._kept is not None and self._kept[0].vocabulary == made.vocabulary
        neutral = self._kept[1].neutral if self._kept is not None and same_texts else self._embed_neutral()
        return Calibration.learned(sample, neutral)

    def _read(self, wanted: _Made) -> tuple[_Made, Calibration] | None:
        """Return what is kept: of several, one that holds."""
        found = [kept for kept in map(self._read_file, self._files) if kept is not None]
        return next((kept for kept in found if _still_holds(kept[0], wanted)), found[0] if found else None)

    def _read_file(self, file: Path) -> tuple[_Made, Calibration] | None:
        try:
            with np.load(file, allow_pickle=False) as stored:
                made = _Made(**json.loads(str(stored["made"])))
                curve = Curve(**json.loads(str(stored["curve"])))
                sample, neutral = stored["sample"].astype(np.float32), stored["neutral"].astype(np.float32)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None  # not learned yet, or half a file: learned again
        fits = {sample.shape[1:], neutral.shape[1:]} == {(self._model.dim,)} and len(sample) > 0 and len(neutral) > 0
        return (made, Calibration(sample, neutral, curve)) if fits else None

    def _write(self, made: _Made, calibration: Calibration) -> None:
        """Write the file whole or not at all; without it, the next process learns again."""
        file = self._files[0]
        unfinished = file.with_name(f"{file.stem}-{uuid.uuid4().hex}.npz")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                unfinished,
                made=json.dumps(asdict(made)),
                curve=json.dumps(asdict(calibration.curve)),
                sample=calibration.sample.astype(np.float16),
                neutral=calibration.neutral,
            )
            unfinished.replace(file)
        except OSError as error:
            logger.info("the library's calibration is not kept: %s", error)
            with suppress(OSError):
                unfinished.unlink()


def _still_holds(old: _Made, new: _Made) -> bool:
    same = (old.library_id, old.model_key, old.vocabulary) == (new.library_id, new.model_key, new.vocabulary)
    return same and abs(new.count - old.count) <= STALE_SHARE * old.count
