"""Indexing: folders and files brought into a library once, or followed as they live."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.files import StrPath, expanded
from .handle import LibraryHandle

# Imported where it is needed: a search is not to load what indexes.
if TYPE_CHECKING:
    from ..indexer.pipeline import IndexOptions
    from ..indexer.report import IndexReport, WatchReport
    from ..indexer.watch import WatchOptions


class IndexingService:
    """Runs the indexer over one library; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle) -> None:
        self._handle = handle

    def index(self, paths: StrPath | Sequence[StrPath], options: IndexOptions | None) -> IndexReport:
        """Index folders and files once."""
        from ..indexer.discover import as_roots
        from ..indexer.pipeline import IndexOptions

        self._handle.check_writable()
        roots = as_roots(_paths(paths))
        return self.sync(roots, options or IndexOptions(), "index")

    def watch(self, paths: StrPath | Sequence[StrPath], options: WatchOptions | None) -> WatchReport:
        """Index folders and files, then follow them."""
        from ..indexer.discover import as_roots
        from ..indexer.fs_events import SystemEvents
        from ..indexer.watch import WatchOptions, follow

        self._handle.check_writable()
        roots = as_roots(_paths(paths))
        options = options or WatchOptions()

        def sync(root: str, folders: list[str]) -> IndexReport:
            # A part of a folder may well have become empty; that the whole is still there was seen before.
            is_part = folders != [root]
            return self.sync(folders, replace(options.index, prune=is_part, within=root), "watch")

        with closing(SystemEvents()) as source:
            return follow(roots, sync, source, options)

    def sync(self, roots: list[str], options: IndexOptions, purpose: str) -> IndexReport:
        """Index `roots`, written as the catalogue writes them, and hold the library for it under this name."""
        from ..indexer.pipeline import index

        embedder = self._handle.embedder
        spec = embedder.spec  # a wrong name fails here, before a library is made for it
        store = self._handle.open_or_create()
        with store.writing(purpose):
            model = store.catalog.ensure_model(spec)
            report = index(store.catalog, model, embedder, roots, options)
            store.vectors_of(model).publish_if_due()
            store.generations_of(model).remove_foreign()
        return report


def _paths(given: StrPath | Sequence[StrPath]) -> list[Path]:
    return [expanded(path) for path in ([given] if isinstance(given, str | os.PathLike) else given)]
