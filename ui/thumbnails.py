"""Thumbnails: made in processes of their own, and kept on disk within a bound."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from PIL import Image

from .. import ImageUnreadable
from ..indexer.isolation import IsolatedLoader, IsolationLimits
from ..indexer.load import Loader
from ..indexer.plan import ToRead
from ..library.images.decoding import DecodeLimits
from ..library.images.sources import Failed, FileState
from ..library.types import Pixels

DEFAULT_BOUND_BYTES: Final = 512 << 20
_ROOM_SHARE: Final = 0.9
"""Down to this share of the bound is cleared at once, so that not every new picture has to look around."""


class ThumbnailCache:
    """Files by name in one folder. Thread-safe; several processes may share it.

    A folder that cannot be written to keeps nothing, and nothing else is wrong then.
    """

    def __init__(self, folder: Path, bound_bytes: int = DEFAULT_BOUND_BYTES) -> None:
        self._folder = folder
        self._bound_bytes = bound_bytes
        self._lock = Lock()
        self._size_bytes: int | None = None

    def get(self, name: str) -> bytes | None:
        """Return what is kept under `name`, and note that it was used."""
        file = self._file(name)
        try:
            data = file.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(file)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`."""
        file = self._file(name)
        unfinished = file.with_name(f"{uuid.uuid4().hex}.unfinished")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(data)
            unfinished.replace(file)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            return
        with self._lock:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._kept())
            else:
                self._size_bytes += len(data)
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


class Decoders:
    """Decodes files to pictures whose longer side is at most `side_px`, off the caller's thread. Thread-safe.

    Args:
        side_px: of the pictures made.
        limits: what is refused for its size.
        workers: how many files at a time, each in a process that starts when first needed.
    """

    def __init__(self, side_px: int, limits: DecodeLimits, workers: int) -> None:
        # A process ends with the thread that first needed it: these threads live as long as the processes.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=f"photoseek-decode-{side_px}")
        loader = Loader(partial(fitted, side_px), side_px, limits)
        self._loader = IsolatedLoader(loader, IsolationLimits.of_machine(workers, _TIMEOUT_S))

    def shrink(self, path: str) -> Shrunk:
        """Read and decode one file, or an archive's member, and wait for it.

        Raises:
            ImageUnreadable: there is no such file, or no picture in it.
            DecodingUnavailable: no process can be started.
        """
        return self._threads.submit(self._shrink, path).result()

    def _shrink(self, path: str) -> Shrunk:
        loaded = self._loader.load(ToRead(FileState(path, path, 0, 0), None))
        if isinstance(loaded, Failed):
            raise ImageUnreadable(path, loaded.reason)
        return Shrunk(loaded.pixels, loaded.facts.width, loaded.facts.height)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._loader.__exit__()
        self._threads.shutdown(wait=False, cancel_futures=True)


def fitted(side_px: int, image: Image.Image) -> Pixels:
    """Return an RGB picture within a square of `side_px`, aspect kept, as (height, width, 3) uint8; never enlarged."""
    small = image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return np.asarray(small, dtype=np.uint8)
