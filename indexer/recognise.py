"""Recognise: a file whose content the catalogue already holds was moved, touched or copied, and needs no model."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice

from ..library.catalog.catalog import Catalog
from ..library.catalog.changes import Indexed, KnownContent, Relocated
from ..library.images.metadata.sidecars import read_sidecars
from ..library.images.sources import FileState, exists
from .load import hash_file
from .plan import ToRead
from .report import Outcome

# Enough to ask the catalogue in few questions, few enough to start decoding at once.
_CHUNK = 256

# Contents whose copies are remembered: asked for anew with each of n copies, they would cost n times n rows.
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file that needs no reading by the model, and what to write of it."""

    change: Indexed | Relocated
    outcome: Outcome


@dataclass(slots=True)
class _Copies:
    """The images of one content: one of them, and those that were not yet asked whether they have left their paths."""

    one: KnownContent
    unasked: Iterator[KnownContent]


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
    _remembered: OrderedDict[tuple[int, str], _Copies] = field(default_factory=OrderedDict)

    def recognise(self, tasks: Iterable[ToRead], pool: ThreadPoolExecutor) -> Iterator[ToRead | Recognised]:
        """Yield every task as it is, or as recognised, in order."""
        remaining = iter(tasks)
        while chunk := list(islice(remaining, _CHUNK)):
            sizes = self.catalog.planning.known_sizes([task.file.size_bytes for task in chunk])
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
        copies = self._copies(file.size_bytes, content_hash)
        if copies is None:
            return task
        if known is None:
            # Once a copy is passed it need not be asked again: it is still there, or was claimed.
            for content in copies.unasked:
                if self._has_left(content):
                    self.claimed.add(content.image_id)
                    return Recognised(relocated(content.image_id, file, content.sidecars), "moved")
        return _copied(task, copies.one)

    def _copies(self, size_bytes: int, content_hash: str) -> _Copies | None:
        """Return the images known to hold this content in this model, None as long as there are none."""
        key = (size_bytes, content_hash)
        if key not in self._remembered:
            found = self.catalog.planning.find_content(size_bytes, content_hash, self.model_id)
            embedded = (content for content in found if content.vector is not None)
            first = next(embedded, None)
            if first is None:
                return None
            self._remembered[key] = _Copies(first, chain([first], embedded))
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._remembered[key]

    def _has_left(self, content: KnownContent) -> bool:
        gone = content.missing or not exists(content.path)
        return gone and content.image_id not in self.claimed and content.image_id not in self.returned


def _copied(task: ToRead, same: KnownContent) -> ToRead | Recognised:
    """Return the change of a file that holds the same as a known picture, which stays where it is."""
    file, known = task.file, task.known
    if same.vector is None:
        return task
    sidecar = read_sidecars(file.path, file.sidecars, file.root)
    change = Indexed(
        file,
        same.facts,
        same.vector,
        None if known is None else known.image_id,
        content_changed=known is not None,
        texts=(*sidecar.texts, *same.texts),
    )
    return Recognised(change, "new" if known is None else "changed")


def relocated(image_id: int, file: FileState, known_sidecars: str) -> Relocated:
    """Return the change of a known picture whose file is as given; its sidecars are read when they are not the same."""
    same = file.sidecars == known_sidecars
    return Relocated(image_id, file, None if same else read_sidecars(file.path, file.sidecars, file.root))


def _hash(task: ToRead) -> str | None:
    return hash_file(task.file.path)
