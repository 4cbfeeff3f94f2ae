"""Thumbnails: made in processes of their own, and kept on disk within a bound."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, Generic, TypeVar

import numpy as np
from PIL import Image

from ..checked_files import CHECKSUM_BYTES, read_checked, write_checked
from ..errors import ImageUnreadable
from ..types import Pixels
from .decoding import DecodedImage, DecodeLimits, decode
from .isolation import DecoderLost, IsolatedPool, IsolationLimits
from .sources import read_bytes

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

DEFAULT_BOUND_BYTES: Final = 512 << 20
_ROOM_SHARE: Final = 0.9
"""Down to this share of the bound is cleared at once, so that not every new picture has to look around."""


class ThumbnailCache:
    """Files by name in one folder. Thread-safe; several processes may share it.

    A folder that cannot be written to keeps nothing, and nothing else is wrong then. A damaged file is as good as none.
    """

    def __init__(self, folder: Path, bound_bytes: int = DEFAULT_BOUND_BYTES) -> None:
        self._folder = folder
        self._bound_bytes = bound_bytes
        self._lock = Lock()
        self._size_bytes: int | None = None

    def get(self, name: str) -> bytes | None:
        """Return what is kept under `name`, and note that it was used."""
        file = self._file(name)
        data = read_checked(file)
        if data is None:
            return None
        with suppress(OSError):
            os.utime(file)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`."""
        file = self._file(name)
        try:
            with write_checked(file) as stream:
                stream.write(data)
        except OSError:
            return
        with self._lock:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._kept())
            else:
                self._size_bytes += len(data) + CHECKSUM_BYTES
            if self._size_bytes > self._bound_bytes:
                self._size_bytes = self._make_room()

    def _make_room(self) -> int:
        """Remove what was used longest ago; return the bytes that stay."""
        kept = sorted(self._kept())
        size_bytes = sum(size for _, size, _ in kept)
        for _, size, file in kept:
            if size_bytes <= self._bound_bytes * _ROOM_SHARE:
                break
            with suppress(OSError):
                file.unlink()
                size_bytes -= size
        return size_bytes

    def _kept(self) -> list[tuple[int, int, Path]]:
        """When each file was last used, in ns, its size in bytes, and where it is."""
        kept = []
        for file in self._folder.glob("??/*"):
            with suppress(OSError):
                status = file.stat()
                kept.append((status.st_mtime_ns, status.st_size, file))
        return kept

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / name


_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A picture of any origin as (height, width, 3) uint8 pixels of our own, and the size of the original."""

    pixels: Pixels
    width: int
    height: int


class FileWork(Generic[_Job, _Result]):
    """Does some work on files, each in a process that may crash, hang or run out of memory. Thread-safe.

    Args:
        work: what is done; the job it gets holds or is the file's path, and it raises `ImageUnreadable`.
        workers: how many files at a time, each in a process that starts when first needed.
        timeout_s: how long one file may take.
    """

    def __init__(self, work: Callable[[_Job], _Result], workers: int, timeout_s: float) -> None:
        # A process ends with the thread that first needed it: these threads live as long as the processes.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="photoseek-decode")
        self._pool = IsolatedPool(work, IsolationLimits.of_machine(workers, timeout_s))

    def submit(self, job: _Job) -> Future[_Result]:
        """Have one file worked on, and return what will hold what comes of it.

        Its exceptions: `ImageUnreadable`, also for a file that cost its process; `DecodingUnavailable` where no process
        can be started.
        """
        return self._threads.submit(self._run, job)

    def _run(self, job: _Job) -> _Result:
        try:
            return self._pool.run(job, 0)
        except DecoderLost as loss:
            path = job if isinstance(job, str) else str(getattr(job, "path", ""))
            raise ImageUnreadable(path, loss.reason) from loss

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


class Decoders:
    """Decodes files to pictures whose longer side is at most `side_px`, off the caller's thread. Thread-safe.

    Args:
        side_px: of the pictures made.
        limits: what is refused for its size.
        workers: how many files at a time.
    """

    def __init__(self, side_px: int, limits: DecodeLimits, workers: int) -> None:
        self._work: FileWork[str, Shrunk] = FileWork(partial(shrink, side_px, limits), workers, _TIMEOUT_S)

    def shrink(self, path: str) -> Shrunk:
        """Read and decode one file, or an archive's member, and wait for it.

        Raises:
            ImageUnreadable: there is no such file, or no picture in it.
            DecodingUnavailable: no process can be started.
        """
        return self._work.submit(path).result()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._work.close()


def shrink(side_px: int, limits: DecodeLimits, path: str) -> Shrunk:
    """Read and decode one file, or an archive's member, to a picture within a square of `side_px`; never enlarged.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
        MemoryError: it needs more than this process may have.
    """
    decoded = decode_file(path, limits, side_px)
    small = decoded.image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return Shrunk(np.asarray(small, dtype=np.uint8), decoded.width, decoded.height)


def decode_file(path: str, limits: DecodeLimits, min_side_px: int) -> DecodedImage:
    """Read and decode one file, or an archive's member; see `decode`.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
        MemoryError: it needs more than this process may have.
    """
    try:
        return decode(read_bytes(path, limits.max_bytes), path, limits=limits, min_side_px=min_side_px)
    except OSError as error:
        raise ImageUnreadable(path, f"cannot be read: {error.strerror or error}") from error
    except ImageUnreadable as error:
        if isinstance(error.__cause__, MemoryError):
            raise MemoryError from error  # noqa: TRY004 - a type among causes
        raise
