"""Load: read and decode files in threads, in order, a bounded number at a time."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from PIL import Image

from ..library.changes import Failed, FileState, ImageFacts, KnownFile
from ..library.errors import ImageUnreadable
from ..library.images import DEFAULT_LIMITS, DecodedImage, DecodeLimits, decode
from ..library.types import Pixels
from .plan import ToRead

_HASH_BYTES = 20
_READ_BLOCK_BYTES = 1 << 20

_Task = TypeVar("_Task")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture ready for the model: what its file told, and (side, side, 3) uint8 pixels."""

    file: FileState
    known: KnownFile | None
    facts: ImageFacts
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Loader:
    """How files become pixels: `preprocess` is the model's, `side_px` the length of its input's side."""

    preprocess: Callable[[Image.Image], Pixels]
    side_px: int
    limits: DecodeLimits = DEFAULT_LIMITS

    def load(self, task: ToRead) -> Loaded | Failed:
        """Read, hash, decode and preprocess one file; what is wrong with it is returned, not raised."""
        file = task.file
        try:
            with Path(file.path).open("rb") as stream:
                # The file as read is what is recorded: it may have changed since it was found.
                file = _as_now(file, stream)
                if file.size_bytes > self.limits.max_bytes:
                    return Failed(file, "read", f"its {file.size_bytes:,} bytes are over the limit")
                # One byte more than there should be: enough to see that a file grows, whatever its length becomes.
                data = stream.read(file.size_bytes + 1)
                if len(data) != file.size_bytes or _as_now(file, stream) != file:
                    return Failed(file, "read", "changed while it was being read")
        except OSError as error:
            return Failed(file, "read", f"cannot be read: {error.strerror or error}")
        try:
            decoded = decode(data, file.path, limits=self.limits, min_side_px=self.side_px)
        except ImageUnreadable as error:
            return Failed(file, "decode", error.reason)
        return Loaded(file, task.known, _facts(decoded, hash_bytes(data)), self.preprocess(decoded.image))


def hash_bytes(data: bytes) -> str:
    """Return the content hash of a file's bytes."""
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).hexdigest()


def hash_file(path: str) -> str | None:
    """Return the content hash of a file, None when it cannot be read."""
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
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


def _as_now(file: FileState, stream: BinaryIO) -> FileState:
    return FileState.described(file.path, file.root, os.fstat(stream.fileno()))


def _facts(decoded: DecodedImage, content_hash: str) -> ImageFacts:
    return ImageFacts(
        content_hash=content_hash,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        orientation=decoded.orientation,
        taken_at=decoded.taken_at,
        camera=decoded.camera,
        latitude=decoded.latitude,
        longitude=decoded.longitude,
    )
