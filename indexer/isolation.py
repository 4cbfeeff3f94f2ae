"""How a run loads files: in processes of their own, archives' members read by the run itself."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock

from ..library.images.isolation import NO_MEMORY, DecoderLost, IsolatedPool, IsolationLimits
from ..library.images.sources import Failed
from .load import Loaded, Loader, ReadFile
from .plan import ToRead

_LARGE_BYTES = 32 << 20
"""Members of archives above this are in the parent's memory one at a time."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A file to load; `read` holds what it says where the run has read it."""

    task: ToRead
    read: ReadFile | None


class IsolatedLoader:
    """Loads files as its `Loader` would, in an `IsolatedPool`. Thread-safe; use threads that live as long as this."""

    def __init__(self, loader: Loader, limits: IsolationLimits) -> None:
        self._loader = loader
        self._pool = IsolatedPool(partial(_load, loader), limits)
        self._large = Lock()

    def load(self, task: ToRead) -> Loaded | Failed:
        """Read, hash, decode and preprocess one file; what is wrong with it is returned, not raised.

        Raises:
            DecodingUnavailable: no process can be started, or this loader was closed.
        """
        if not self._pool.is_isolated or task.file.offset is None:
            return self._loaded(_Job(task, None))
        # Members of archives are read here, where the archive is open and listed: to list it again in each process, or
        # unpack a compressed one from its start for a new process, could take longer than a file may.
        with self._large if task.file.size_bytes > _LARGE_BYTES else nullcontext():
            try:
                read = self._loader.read(task)
            except MemoryError:
                return Failed(task.file, "decode", NO_MEMORY)
            return read if isinstance(read, Failed) else self._loaded(_Job(task, read))

    def close(self) -> None:
        """End every process, whatever it is doing."""
        self._pool.close()

    def __enter__(self) -> IsolatedLoader:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _loaded(self, job: _Job) -> Loaded | Failed:
        try:
            return self._pool.run(job, job.task.file.size_bytes)
        except DecoderLost as loss:
            return Failed(job.task.file, "decode", loss.reason)


def _load(loader: Loader, job: _Job) -> Loaded | Failed:
    return loader.load(job.task, job.read)
