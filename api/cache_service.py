"""The cache: what is remembered to spare work, in the library and beside it, shown and let go by kind and model."""

from __future__ import annotations

from collections.abc import Collection

from ..library.errors import LibraryNotFound, QueryError
from ..library.kept import KINDS, Kept, KeptFiles, KeptKind, kept_in_cache, kept_in_library
from ..library.settings import cache_folder
from .handle import LibraryHandle


class CacheService:
    """Shows and clears what one library and its user's cache remember; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle) -> None:
        self._handle = handle

    def kept(self) -> list[Kept]:
        """Return what is remembered."""
        found = [*self._rows(), *(one.kept for one in self._files())]
        return sorted(found, key=lambda one: (KINDS.index(one.kind), one.model))

    def clear(self, kinds: Collection[KeptKind], model: str | None) -> list[Kept]:
        """Let go of it, and return what that was."""
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            message = f"nothing of the kind {unknown[0]!r} is remembered: choose among {', '.join(KINDS)}"
            raise QueryError(message)
        rows = [one for one in self._rows() if one.kind in kinds and one.is_of(model)]
        if rows:
            self._handle.check_writable()
            with self._handle.store.writing("cache"):
                for one in rows:
                    self._forget(one)
        files = [one for one in self._files() if one.kept.kind in kinds and one.kept.is_of(model)]
        for file in files:
            file.remove()
        return [*rows, *(file.kept for file in files)]

    def _rows(self) -> list[Kept]:
        """Return what the catalogue keeps; nothing where there is no library."""
        try:
            catalog = self._handle.catalog
        except LibraryNotFound:
            return []
        kinds: dict[bool, KeptKind] = {True: "answers", False: "judgements"}
        said = [Kept(kinds[one.is_answer], one.judge, one.count, one.size_bytes) for one in catalog.judgements.held()]
        keys = {row.id: row.key for row in catalog.models()}
        places = [Kept("places", keys[model], *held) for model, held in catalog.places.held().items() if model in keys]
        return said + places

    def _forget(self, kept: Kept) -> None:
        catalog = self._handle.catalog
        if kept.kind == "places":
            for row in catalog.models():
                if row.key == kept.model:
                    catalog.places.forget(row.id)
        else:
            catalog.judgements.forget(kept.model, is_answer=kept.kind == "answers")

    def _files(self) -> list[KeptFiles]:
        found = list(kept_in_cache(cache_folder()))
        try:
            store = self._handle.store
        except LibraryNotFound:
            return found
        kinds: tuple[KeptKind, ...] = ("maps", "calibration")
        folders = [(kind, folder) for kind in kinds for folder in store.derived_folders(kind)]
        return [*found, *kept_in_library(folders)]
