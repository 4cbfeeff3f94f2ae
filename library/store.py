"""What a library is on disk: its folder, settings, catalogue and vectors, opened together."""

from __future__ import annotations

import re
import shutil
from contextlib import AbstractContextManager, closing
from pathlib import Path

from .catalog.catalog import Catalog, ModelRow
from .catalog.database import Database
from .embedders.base import ModelSpec
from .errors import LibraryError, LibraryNotFound, LibraryReadOnly, ModelMismatch, NothingIndexed
from .files import may_write
from .lock import writing_lock
from .settings import Settings, cache_folder, write_initial_settings
from .vectors.generations import Generations, model_folder_name
from .vectors.live_vectors import LiveVectors
from .vectors.manifest import GenerationIdentity

_CATALOG_NAME = "catalog.sqlite"
_VECTORS_NAME = "vectors"
CALIBRATION_NAME = "calibration"
"""The folder in which searches keep what they have learned of the library's scores."""

# As `model_folder_name` makes them: nothing else that may lie there is ever removed.
_MODEL_FOLDER = re.compile(r"[a-z0-9-]*-[0-9a-f]{16}")


class Store:
    """An open library. Thread-safe once open."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
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
            LibraryReadOnly: nothing is to be written to it.
            LibraryError: it cannot be made, or cannot be opened; see `open`.
        """
        folder = settings.folder
        if settings.read_only:
            raise LibraryReadOnly(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with writing_lock(folder, "index", settings.wait_s), closing(_database(settings)) as database:
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

    def vectors_of(self, model: ModelRow) -> LiveVectors:
        """Return the vectors of one of the library's models."""
        return LiveVectors(self.catalog, self.generations_of(model), model, lambda: self.writing("search"))

    def generations_of(self, model: ModelRow) -> Generations:
        """Return the vector files of one of the library's models."""
        identity = GenerationIdentity(self.catalog.meta().library_id, model.key, model.dim)
        return Generations(self.settings.folder / _VECTORS_NAME, identity)

    def orphaned_vectors(self) -> list[Path]:
        """Return the folders of vector files that belong to none of the library's models."""
        kept = {model_folder_name(model.key) for model in self.catalog.models()}
        folder = self.settings.folder / _VECTORS_NAME
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if _MODEL_FOLDER.fullmatch(path.name) and path.name not in kept)

    def remove_orphaned_vectors(self) -> None:
        """Remove them; one that resists stays."""
        for path in self.orphaned_vectors():
            shutil.rmtree(path, ignore_errors=True)

    def writing(self, purpose: str) -> AbstractContextManager[None]:
        """Hold the library for writing; see `writing_lock`.

        Raises:
            LibraryReadOnly: nothing is to be written to it.
        """
        if self.settings.read_only:
            raise LibraryReadOnly(self.settings.folder)
        return writing_lock(self.settings.folder, purpose, self.settings.wait_s)

    def check_writable(self) -> None:
        """Raise what `writing` would, for those who have much to do before they write.

        Raises:
            LibraryReadOnly: nothing is to be written to the library.
            LibraryError: nothing may be.
        """
        folder = self.settings.folder
        if self.settings.read_only:
            raise LibraryReadOnly(folder)
        if not may_write(folder):
            message = f"{folder} cannot be written; check its disk and permissions"
            raise LibraryError(message)

    def derived_folders(self, name: str) -> tuple[Path, ...]:
        """Return where files called `name` that can be made again may be, the first of them the place to keep them.

        That is the library's own folder, or, where nothing is or may be written there, the user's cache before it.
        """
        folder = self.settings.folder
        if not self.settings.read_only and may_write(folder):
            return (folder / name,)
        return (cache_folder() / "libraries" / self.catalog.meta().library_id / name, folder / name)

    def close(self) -> None:
        """Let go of the database."""
        self.catalog.close()


def _database(settings: Settings) -> Database:
    if settings.catalog is not None:
        return Database(settings.catalog, read_only=settings.read_only)
    return Database.in_file(settings.folder / _CATALOG_NAME, read_only=settings.read_only)
