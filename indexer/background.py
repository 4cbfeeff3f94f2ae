"""What is done beside the run: writing behind it, and preparing the model ahead of it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Thread

from ..library.catalog.catalog import Catalog
from ..library.catalog.changes import Change
from ..library.embedders.base import Embedder, prepare_images
from ..library.types import Vectors


class ModelPrefetch:
    """Has an embedder load while the first files are decoded; it begins when `start` is first called."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to load, unless that was begun."""
        if self._thread is None:
            self._thread = Thread(target=self._prepare, name="photoseek-prepare")
            self._thread.start()

    def __enter__(self) -> ModelPrefetch:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._thread is not None:
            self._thread.join()

    def _prepare(self) -> None:
        with suppress(Exception):  # what fails here does so again, and is raised, where the model is asked
            prepare_images(self._embedder)


class AsyncWriter:
    """Applies lists of changes to the catalogue in their order, one behind the caller.

    An error of one shows in the next call; nothing more is written after it.
    """

    def __init__(self, catalog: Catalog, model_id: int) -> None:
        self._catalog = catalog
        self._model_id = model_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="photoseek-write")
        self._last: Future[object] | None = None

    def write(self, changes: list[Change], text_vectors: Mapping[str, Vectors]) -> None:
        """Begin to write `changes`, once what came before is written; see `Catalog.apply`."""
        self.wait()
        self._last = self._thread.submit(self._catalog.apply, changes, self._model_id, text_vectors)

    def wait(self) -> None:
        """Return when everything given so far is in the catalogue."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> AsyncWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Let the last transaction end; its error is raised unless there is one already."""
        self._thread.shutdown(wait=True)
        if kind is None:
            self.wait()
