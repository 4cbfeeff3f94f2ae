"""What a run does beside its loop: writing in the background, its model prepared, its plan on disk, texts embedded."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import Generic, TypeVar

from ..library.catalog.catalog import Catalog
from ..library.catalog.changes import Change, Indexed, Relocated
from ..library.embedders.base import Embedder, prepare_images
from ..library.embedders.prompts import embed_queries
from ..library.images.metadata.image_text import ImageText
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


# Plans of some tens of thousands of files stay in memory altogether.
_MEMORY_BYTES = 16 << 20

_Item = TypeVar("_Item")


class Spool(Generic[_Item]):
    """Append items, then iterate over them; closing it removes the file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - this object closes it
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, item: _Item) -> None:
        """Add `item` at the end."""
        pickle.dump(item, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def __iter__(self) -> Iterator[_Item]:
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)  # noqa: S301 - this object wrote the file, nobody else has its name

    def __enter__(self) -> Spool[_Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


_BATCH = 32

# At 512 dimensions 20 MB.
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class TextEmbedder:
    """Gives words their vectors as a query of the same words gets them, and remembers those it gave."""

    embedder: Embedder
    _known: dict[str, Vectors] = field(default_factory=dict)

    def vectors_of(self, changes: Sequence[Change]) -> Mapping[str, Vectors]:
        """Return the vectors, (dim,) L2-normalised float32, of all words of `changes`."""
        bodies = list(dict.fromkeys(text.body for change in changes for text in _texts(change)))
        new = [body for body in bodies if body not in self._known]
        if len(self._known) + len(new) > _MOST_REMEMBERED:
            self._known = {body: self._known[body] for body in bodies if body in self._known}
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known |= zip(batch, embed_queries(self.embedder, batch), strict=True)
        return {body: self._known[body] for body in bodies}


def _texts(change: Change) -> Iterator[ImageText]:
    if isinstance(change, Indexed):
        yield from change.texts
    elif isinstance(change, Relocated) and change.sidecar is not None:
        yield from change.sidecar.texts
