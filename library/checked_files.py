"""Files that are kept to spare work and carry a checksum: one that is damaged reads as none, and is made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from .files import atomic_write

_MARK: Final = b"\nphotoseek blake2b-128 "
_DIGEST_BYTES: Final = 16
CHECKSUM_BYTES: Final = len(_MARK) + 2 * _DIGEST_BYTES
"""By so much a file is longer than what is in it."""


def read_checked(file: Path) -> bytes | None:
    """Return what `write_checked` wrote; None where there is no such file, or a damaged one."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    # Through a view: a vocabulary's vectors are 30 MB, and need no second copy to be summed.
    content = memoryview(data)[:-CHECKSUM_BYTES]
    return bytes(content) if len(data) >= CHECKSUM_BYTES and data[-CHECKSUM_BYTES:] == _end(content) else None


@contextmanager
def write_checked(file: Path) -> Iterator[BytesIO]:
    """Open a stream whose bytes, with their checksum, are the file's once the block has ended well; folders are made.

    Raises:
        OSError: the place cannot be written to.
    """
    content = BytesIO()
    yield content
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file, durable=False) as stream:
        stream.write(content.getbuffer())
        stream.write(_end(content.getbuffer()))


def _end(content: memoryview) -> bytes:
    return _MARK + hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest().encode()
