"""What processes of our own need: the pipes to them, and the memory there is to share out among them."""

from __future__ import annotations

import os
from typing import IO, AnyStr


def pipe_of(stream: IO[AnyStr] | None) -> IO[AnyStr]:
    """Return a stream of a `subprocess.Popen` that was started with a pipe for it.

    Raises:
        BrokenPipeError: it was started without one.
    """
    if stream is None:
        raise BrokenPipeError
    return stream


def machine_memory_bytes() -> int:
    """Return the memory of this machine; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
