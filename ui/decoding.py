"""Pictures of any origin made small in processes of their own; see library/images/isolation.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from PIL import Image

from ..library.errors import ImageUnreadable
from ..library.images.decoding import DecodeLimits, decode
from ..library.images.isolation import DecoderLost, IsolatedPool, IsolationLimits
from ..library.images.sources import read_bytes
from ..library.types import Pixels

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
        self._pool = IsolatedPool(partial(shrink, side_px, limits), IsolationLimits.of_machine(workers, _TIMEOUT_S))

    def shrink(self, path: str) -> Shrunk:
        """Read and decode one file, or an archive's member, and wait for it.

        Raises:
            ImageUnreadable: there is no such file, or no picture in it.
            DecodingUnavailable: no process can be started.
        """
        return self._threads.submit(self._shrink, path).result()

    def _shrink(self, path: str) -> Shrunk:
        try:
            return self._pool.run(path, 0)
        except DecoderLost as loss:
            raise ImageUnreadable(path, loss.reason) from loss

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def shrink(side_px: int, limits: DecodeLimits, path: str) -> Shrunk:
    """Read and decode one file, or an archive's member, to a picture within a square of `side_px`; never enlarged.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
        MemoryError: it needs more than this process may have.
    """
    try:
        decoded = decode(read_bytes(path, limits.max_bytes), path, limits=limits, min_side_px=side_px)
    except OSError as error:
        raise ImageUnreadable(path, f"cannot be read: {error.strerror or error}") from error
    except ImageUnreadable as error:
        if isinstance(error.__cause__, MemoryError):
            raise MemoryError from error  # noqa: TRY004 - a type among causes
        raise
    small = decoded.image.copy()
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return Shrunk(np.asarray(small, dtype=np.uint8), decoded.width, decoded.height)
