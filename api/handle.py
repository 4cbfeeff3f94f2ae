"""An open library: its settings, and its store, model and vectors, each opened when first needed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.embedders.base import Embedder
from ..library.embedders.registry import load_embedder
from ..library.errors import LibraryClosed, LibraryReadOnly
from ..library.files import StrPath
from ..library.settings import Settings, library_folder, read_settings
from ..search.texts import TextVectors

# The rest is imported where it is needed: SQLAlchemy alone takes a fifth of a second, and a search spends it loading
# its model.
if TYPE_CHECKING:
    from ..library.catalog.catalog import Catalog, ModelRow
    from ..library.store import Store
    from ..library.vectors.live_vectors import LiveVectors


class LibraryHandle:
    """What every service of a library starts from. Constructing it reads nothing.

    Args:
        settings: of the library.
        embedder: the model to use; that of the settings, loaded when first needed, unless given.
    """

    def __init__(self, settings: Settings, embedder: Embedder | None = None) -> None:
        self.settings = settings
        self._given_embedder = embedder
        self._store: Store | None = None
        self._is_closed = False

    @classmethod
    def configured(
        cls, folder: StrPath | None, model: str | Embedder | None, *, read_only: bool, wait_s: float = 0.0
    ) -> LibraryHandle:
        """Return a handle on a library with the settings of its folder; see `open_library`.

        Raises:
            SettingsError: the library's settings file makes no sense.
        """
        name = model if model is None or isinstance(model, str) else model.spec.name
        settings = replace(read_settings(library_folder(folder), name), read_only=read_only, wait_s=wait_s)
        return cls(settings, None if isinstance(model, str) else model)

    @property
    def folder(self) -> Path:
        """Where the library is, or will be."""
        return self.settings.folder

    @property
    def is_open(self) -> bool:
        """Whether the store has been opened."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The library's store, opened now unless it is open.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        from ..library.store import Store

        self._check_open()
        if self._store is None:
            self._store = Store.open(self.settings)
        return self._store

    def open_or_create(self) -> Store:
        """Return the library's store; where there is no library yet, it is made."""
        from ..library.store import Store

        self._check_open()
        if self._store is None:
            self._store = Store.open_or_create(self.settings)
        return self._store

    @property
    def catalog(self) -> Catalog:
        """The library's rows; raises as `store` does."""
        return self.store.catalog

    @cached_property
    def embedder(self) -> Embedder:
        """The model."""
        return self._given_embedder or load_embedder(self.settings.model)

    @cached_property
    def model(self) -> ModelRow:
        """The model's row; raises as `Store.model` does."""
        return self.store.model(self.embedder.spec)

    @cached_property
    def text_vectors(self) -> TextVectors:
        """The model's vectors of texts, the last of them remembered."""
        return TextVectors(self.embedder)

    @cached_property
    def vectors(self) -> LiveVectors:
        """The model's vectors of the library's images."""
        return self.store.vectors_of(self.model)

    def check_writable(self) -> None:
        """Refuse what would write to a library that is opened read-only, before anything else is done.

        Raises:
            LibraryReadOnly: it is.
        """
        if self.settings.read_only:
            raise LibraryReadOnly(self.folder)

    def _check_open(self) -> None:
        if self._is_closed:
            raise LibraryClosed(self.folder)

    def close(self) -> None:
        """Let go of the database, if it is open; nothing is asked of it any more."""
        self._is_closed = True
        if self._store is not None:
            self._store.close()
