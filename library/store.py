"""What a library is on disk: its folder, settings, catalogue and vectors, opened together."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing

from .catalog import Catalog, ModelRow
from .database import Database
from .embedders.base import ModelSpec
from .errors import LibraryError, LibraryNotFound, ModelMismatch, NothingIndexed
from .lock import writing_lock
from .settings import Settings, write_initial_settings
from .vectors.generations import Generations
from .vectors.live import LiveVectors
from .vectors.manifest import GenerationIdentity

_CATALOG_NAME = "catalog.sqlite"
_VECTORS_NAME = "vectors"


class Store:
    """An open library. Thread-safe once open."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.catalog = Catalog(database)

    @classmethod
    def open(cls, settings: Settings) -> Store:
        """Open the library that `settings` names.

        Raises:
            LibraryNotFound: there is none.
            LibraryTooNew: a later photoseek made it.
            CatalogUnavailable: its database cannot be used.
        """
        file = settings.folder / _CATALOG_NAME
        if settings.catalog is None and not file.is_file():
            raise LibraryNotFound(settings.folder)
        database = _database(settings)
        try:
            if not database.exists():
                raise LibraryNotFound(settings.folder)
            database.meta()
        except LibraryError:
            database.close()
            raise
        return cls(settings, database)

    @classmethod
    def open_or_create(cls, settings: Settings) -> Store:
        """Open the library that `settings` names, making it when there is none.

        Raises:
            LibraryError: it cannot be made, or cannot be opened; see `open`.
        """
        folder = settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with writing_lock(folder, "index"), closing(_database(settings)) as database:
                if not database.exists():
                    # Settings first: a catalogue without them would be searched with the wrong model.
                    write_initial_settings(settings)
                    database.create()
        except OSError as error:
            reason = error.strerror or error
            message = f"no library can be made at {folder}: {reason}; choose another folder with --library"
            raise LibraryError(message) from error
        return cls.open(settings)

    def model(self, spec: ModelSpec) -> ModelRow:
        """Return the row of the model that `spec` describes.

        Raises:
            ModelMismatch: the library holds vectors of other models only.
            NothingIndexed: it holds none at all.
        """
        rows = self.catalog.models()
        for row in rows:
            if row.key == spec.key:
                return row
        if rows:
            raise ModelMismatch(spec.key, tuple(row.key for row in rows))
        raise NothingIndexed(self.settings.folder)

    def vectors(self, spec: ModelSpec) -> LiveVectors:
        """Return the library's vectors in the space of the model that `spec` describes; raises as `model` does."""
        return self.vectors_of(self.model(spec))

    def vectors_of(self, model: ModelRow) -> LiveVectors:
        """Return the vectors of one of the library's models."""
        identity = GenerationIdentity(self.catalog.meta().library_id, model.key, model.dim)
        generations = Generations(self.settings.folder / _VECTORS_NAME, identity)
        return LiveVectors(self.catalog, generations, model, lambda: self.writing("search"))

    def writing(self, purpose: str) -> AbstractContextManager[None]:
        """Hold the library for writing; see `writing_lock`."""
        return writing_lock(self.settings.folder, purpose)

    def close(self) -> None:
        """Let go of the database."""
        self.catalog.close()


def _database(settings: Settings) -> Database:
    if settings.catalog is not None:
        return Database(settings.catalog)
    return Database.in_file(settings.folder / _CATALOG_NAME)
