"""Load: read and decode files, in order, a bounded number at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from ..library.archives import split_member
from ..library.captions import ImageText
from ..library.changes import Failed, FileState, ImageFacts, KnownFile
from ..library.colours import dominant_colours
from ..library.content_hash import HASH_BYTES, hash_bytes
from ..library.errors import ImageUnreadable
from ..library.images import DEFAULT_LIMITS, DecodedImage, DecodeLimits, decode
from ..library.miniature import miniature
from ..library.perceptual_hash import perceptual_hash
from ..library.sidecars import read_sidecars
from ..library.sources import read_bytes, read_file
from ..library.types import Pixels
from .plan import ToRead

_READ_BLOCK_BYTES = 1 << 20

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
class Loader:
    """How files become pixels: `preprocess` is the model's, `side_px` the length of its input's side."""

    preprocess: Callable[[Image.Image], Pixels]
    side_px: int
    limits: DecodeLimits = DEFAULT_LIMITS

    def load(self, task: ToRead) -> Loaded | Failed:
        """Read, hash, decode and preprocess one file; what is wrong with it is returned, not raised.

        Raises:
            MemoryError: it needs more than this process may have.
        """
        read = read_file(task.file, self.limits.max_bytes)
        if isinstance(read, Failed):
            return read
        file, data = read.file, read.data
        try:
            decoded = decode(data, file.path, limits=self.limits, min_side_px=self.side_px)
        except ImageUnreadable as error:
            if isinstance(error.__cause__, MemoryError):
                raise MemoryError from error  # noqa: TRY004 - a type among causes
            return Failed(file, "decode", error.reason)
        sidecar = read_sidecars(file.path, file.sidecars)
        facts = _facts(decoded, hash_bytes(data), sidecar.rating)
        texts = (*sidecar.texts, *decoded.metadata.texts)
        return Loaded(file, task.known, facts, self.preprocess(decoded.image), texts)


def hash_file(path: str) -> str | None:
    """Return the content hash of a file or an archive's member, None when it cannot be read."""
    if split_member(path) is not None:
        try:
            return hash_bytes(read_bytes(path, DEFAULT_LIMITS.max_bytes))
        except (OSError, ImageUnreadable):
            return None
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    try:
        with Path(path).open("rb") as stream:
            while block := stream.read(_READ_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


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


def _facts(decoded: DecodedImage, content_hash: str, rating: int | None) -> ImageFacts:
    """Bring together what the file says and what the picture shows; a sidecar's `rating` goes first."""
    told = decoded.metadata
    small = miniature(decoded.image)
    return ImageFacts(
        content_hash=content_hash,
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
