"""What every verb of a library starts from: its settings, and its store, model and engine, each opened when needed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.embedders.registry import load_embedder
from ..library.errors import LibraryReadOnly
from ..library.paths import StrPath
from ..library.settings import library_folder, read_settings
from ..library.types import Vectors
from ..search.text_vectors import TextVectors

# The rest is imported where it is needed: SQLAlchemy alone takes a fifth of a second, and a search spends it loading
# its model.
if TYPE_CHECKING:
    from ..library.catalog.catalog import ModelRow
    from ..library.store import Store
    from ..library.vectors.live_vectors import LiveVectors
    from ..rerank.base import Judge
    from ..search.calibration import Calibration
    from ..search.calibrations import Calibrations
    from ..search.engine import Engine
    from ..search.query_embedder import QueryEmbedder


class Opened:
    """A folder and the model that looks at it; beyond its settings, nothing is read before it is asked for."""

    def __init__(
        self,
        folder: StrPath | None = None,
        *,
        model: str | Embedder | None = None,
        judge: str | Judge | None = None,
        read_only: bool = False,
    ) -> None:
        name = model if model is None or isinstance(model, str) else model.spec.name
        self._settings = replace(read_settings(library_folder(folder), name), read_only=read_only)
        self._given = None if isinstance(model, str) else model
        self._judge_name = judge if isinstance(judge, str) else None
        self._given_judge = None if isinstance(judge, str) else judge
        self._opened: Store | None = None

    @property
    def folder(self) -> Path:
        """Where the library is, or will be."""
        return self._settings.folder

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened so that nothing is written to it."""
        return self._settings.read_only

    def close(self) -> None:
        """Let go of the database; call it last."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_writable(self) -> None:
        """Refuse what would write to a library that is opened read-only, before anything else is done.

        Raises:
            LibraryReadOnly: it is.
        """
        if self._settings.read_only:
            raise LibraryReadOnly(self.folder)

    @property
    def _store(self) -> Store:
        from ..library.store import Store

        if self._opened is None:
            self._opened = Store.open(self._settings)
        return self._opened

    @cached_property
    def _embedder(self) -> Embedder:
        return self._given or load_embedder(self._settings.model)

    @cached_property
    def _model(self) -> ModelRow:
        return self._store.model(self._embedder.spec)

    @cached_property
    def _texts(self) -> TextVectors:
        return TextVectors(self._embedder)

    @cached_property
    def _vectors(self) -> LiveVectors:
        return self._store.vectors_of(self._model)

    @cached_property
    def _query_embedder(self) -> QueryEmbedder:
        from ..search.query_embedder import QueryEmbedder

        return QueryEmbedder(self._store.catalog, self._vectors, self._embedder, self._texts)

    @cached_property
    def _engine(self) -> Engine:
        from ..search.engine import Engine

        def calibrate() -> Calibration:  # few queries need it, and the others need not import what learns it
            return self._calibrations.current()

        return Engine(self._store.catalog, self._vectors, self._query_embedder, calibrate)

    @cached_property
    def _calibrations(self) -> Calibrations:
        from ..library.store import CALIBRATION_NAME
        from ..search.calibrations import Calibrations
        from ..search.describe import Vocabulary

        neutral = Vocabulary.neutral()

        def embed_neutral() -> Vectors:
            return embed_queries(self._embedder, neutral.labels)

        folders, catalog = self._store.derived_folders(CALIBRATION_NAME), self._store.catalog
        return Calibrations(catalog, self._vectors, self._model, folders, neutral.fingerprint, embed_neutral)
