"""Pictures of any origin made small in processes of their own; see indexer/isolation.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from PIL import Image

from ..indexer.isolation import IsolatedLoader, IsolationLimits
from ..indexer.load import Loader
from ..indexer.plan import ToRead
from ..library.errors import ImageUnreadable
from ..library.images.decoding import DecodeLimits
from ..library.images.sources import Failed, FileState
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
