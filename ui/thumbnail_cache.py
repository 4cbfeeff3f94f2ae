"""Small pictures on disk, within a bound: what was used longest ago makes room."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

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
