"""Load: read and decode files, in order, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

from PIL import Image

from ..library.catalog.changes import ImageFacts, KnownFile
from ..library.errors import ImageUnreadable
from ..library.images import hashes
from ..library.images.archives import MEMBER_MARK, split_member
from ..library.images.colours import dominant_colours
from ..library.images.decoding import DEFAULT_LIMITS, DecodedImage, DecodeLimits, decode
from ..library.images.hashes import hash_bytes, miniature, perceptual_hash
from ..library.images.metadata.image_text import ImageText, Sidecar
from ..library.images.metadata.sidecars import read_sidecars
from ..library.images.sources import Failed, FileBytes, FileState, read_bytes, read_file
from ..library.types import Pixels
from .plan import ToRead

_MOST_SORTED = 100_000
_HASHING = "hash"
"""The name under which archives are read for hashing, some members ahead of where they are read for decoding."""

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture ready for the model: what its file told, (side, side, 3) uint8 pixels, and words about it."""

    file: FileState
    known: KnownFile | None
    facts: ImageFacts
    pixels: Pixels
    texts: tuple[ImageText, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What the disk holds of a picture: its file, and what the sidecars say."""

    content: FileBytes
    sidecar: Sidecar


@dataclass(frozen=True, slots=True)
class Loader:
    """How files become pixels: `preprocess` is the model's, `side_px` the length of its input's side."""

    preprocess: Callable[[Image.Image], Pixels]
    side_px: int
    limits: DecodeLimits = DEFAULT_LIMITS

    def read(self, task: ToRead) -> ReadFile | Failed:
        """Read one file and its sidecars; what is wrong with it is returned, not raised."""
        read = read_file(task.file, self.limits.max_bytes)
        if isinstance(read, Failed):
            return read
        return ReadFile(read, read_sidecars(read.file.path, read.file.sidecars, read.file.root))

    def load(self, task: ToRead, read: ReadFile | None = None) -> Loaded | Failed:
        """Read, hash, decode and preprocess one file; what is wrong with it is returned, not raised.

        Args:
            task: the file.
            read: what `read` returned for it, if that was done elsewhere.

        Raises:
            MemoryError: it needs more than this process may have.
        """
        found = read or self.read(task)
        if isinstance(found, Failed):
            return found
        file, data, sidecar = found.content.file, found.content.data, found.sidecar
        try:
            decoded = decode(data, file.path, limits=self.limits, min_side_px=self.side_px)
        except ImageUnreadable as error:
            if isinstance(error.__cause__, MemoryError):
                raise MemoryError from error  # noqa: TRY004 - a type among causes
            return Failed(file, "decode", error.reason)
        facts = _facts(decoded, hash_bytes(data), sidecar.rating)
        texts = (*sidecar.texts, *decoded.metadata.texts)
        return Loaded(file, task.known, facts, self.preprocess(decoded.image), texts)


def hash_file(path: str) -> str | None:
    """Return the content hash of a file or an archive's member, None when it cannot be read."""
    if split_member(path) is not None:
        try:
            return hash_bytes(read_bytes(path, DEFAULT_LIMITS.max_bytes, reader=_HASHING))
        except (OSError, ImageUnreadable):
            return None
    return hashes.hash_file(path)


def as_they_lie(tasks: Iterable[ToRead]) -> Iterator[ToRead]:
    """Yield the tasks in their order, but the members of each archive in theirs: a compressed one is read forward."""
    for archive, group in groupby(tasks, key=_archive_of):
        while block := list(islice(group, _MOST_SORTED if archive else 1)):
            yield from sorted(block, key=lambda task: task.file.offset or 0)


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for loading; on leaving, what has not begun is dropped."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="photoseek-load")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[_Task], _Done], tasks: Iterable[_Task], ahead: int
) -> Iterator[_Done]:
    """Yield `function` of each task in their order, with at most `ahead` of them begun and not yet taken."""
    waiting: deque[Future[_Done]] = deque()
    for task in tasks:
        waiting.append(pool.submit(function, task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _archive_of(task: ToRead) -> str:
    return "" if task.file.offset is None else task.file.path.partition(MEMBER_MARK)[0]


def _facts(decoded: DecodedImage, hashes: str, rating: int | None) -> ImageFacts:
    """Bring together what the file says and what the picture shows; a sidecar's `rating` goes first."""
    told = decoded.metadata
    small = miniature(decoded.image)
    return ImageFacts(
        content_hash=hashes,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        orientation=told.orientation,
        taken_at=told.taken_at,
        camera=told.camera,
        latitude=told.latitude,
        longitude=told.longitude,
        taken_offset_min=told.taken_offset_min,
        lens=told.lens,
        rating=told.rating if rating is None else rating,
        colours=dominant_colours(small),
        perceptual_hash=perceptual_hash(small),
        warning=decoded.warning,
    )
