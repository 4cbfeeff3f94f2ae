"""A list too long for memory: written once to a temporary file, then read in order."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

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
