"""Recognise: a file whose content the catalogue already holds was moved, touched or copied, and needs no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from ..library.catalog import Catalog
from ..library.changes import FileState, Indexed, KnownContent, Relocated
from ..library.sidecars import read_sidecars
from ..library.sources import exists
from .load import hash_file
from .plan import ToRead
from .report import Outcome

# Enough to ask the catalogue in few questions, few enough to start decoding at once.
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file that needs no reading by the model, and what to write of it."""

    change: Indexed | Relocated
    outcome: Outcome


@dataclass(slots=True)
class Recogniser:
    """Compares files with the catalogue's content by size first, then by hash.

    `returned` are the ids of missing rows whose files are back. `claimed` are those that were given another path: a
    second copy of such a file is a new image.
    """

    catalog: Catalog
    model_id: int
    returned: Set[int]
    claimed: set[int] = field(default_factory=set)

    def recognise(self, tasks: Iterable[ToRead], pool: ThreadPoolExecutor) -> Iterator[ToRead | Recognised]:
        """Yield every task as it is, or as recognised, in order."""
        remaining = iter(tasks)
        while chunk := list(islice(remaining, _CHUNK)):
            sizes = self.catalog.known_sizes([task.file.size_bytes for task in chunk])
            suspects = [task for task in chunk if task.file.size_bytes in sizes]
            hashes = dict(zip(map(id, suspects), pool.map(_hash, suspects), strict=True))
            for task in chunk:
                content_hash = hashes.get(id(task))
                yield task if content_hash is None else self._compared(task, content_hash)

    def _compared(self, task: ToRead, content_hash: str) -> ToRead | Recognised:
        file, known = task.file, task.known
        if known is not None and known.content_hash == content_hash:
            if not known.embedded:
                return task
            outcome: Outcome = "restored" if known.missing else "touched"
            return Recognised(relocated(known.image_id, file, known.sidecars), outcome)
        same = self.catalog.find_content(file.size_bytes, content_hash, self.model_id)
        embedded = [content for content in same if content.vector is not None]
        if known is None:
            for content in embedded:
                if self._has_left(content):
                    self.claimed.add(content.image_id)
                    return Recognised(relocated(content.image_id, file, content.sidecars), "moved")
        for content in embedded:
            if content.vector is not None:
                image_id = None if known is None else known.image_id
                sidecar = read_sidecars(file.path, file.sidecars)
                change = Indexed(
                    file,
                    content.facts,
                    content.vector,
                    image_id,
                    content_changed=known is not None,
                    texts=(*sidecar.texts, *content.texts),
                )
                return Recognised(change, "new" if known is None else "changed")
        return task

    def _has_left(self, content: KnownContent) -> bool:
        gone = content.missing or not exists(content.path)
        return gone and content.image_id not in self.claimed and content.image_id not in self.returned


def relocated(image_id: int, file: FileState, known_sidecars: str) -> Relocated:
    """Return the change of a known picture whose file is as given; its sidecars are read when they are not the same."""
    same = file.sidecars == known_sidecars
    return Relocated(image_id, file, None if same else read_sidecars(file.path, file.sidecars))


def _hash(task: ToRead) -> str | None:
    return hash_file(task.file.path)
