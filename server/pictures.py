"""The library's pictures for whoever asks over HTTP: thumbnails made in processes apart, and originals as they are."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image

from ..api import Library
from ..library.images.decoding import DEFAULT_LIMITS
from ..library.images.thumbnails import Decoders, ThumbnailCache
from ..library.types import ImageRecord
from ..search.thumbnails import jpeg_bytes
from .metrics import Metrics

SIDES_PX: Final = (256, 512, 1_600)
"""The longer side of thumbnails: few sizes, so that what is kept is kept once."""

_WORKERS: Final = 2


class Pictures:
    """Makes and keeps thumbnails. Thread-safe."""

    def __init__(self, library: Library, cache: ThumbnailCache, metrics: Metrics) -> None:
        self._library = library
        self._cache = cache
        self._metrics = metrics
        self._decoders: dict[int, Decoders] = {}
        self._lock = Lock()

    def thumbnail(self, image: ImageRecord, side_px: int) -> bytes:
        """Return a picture as JPEG whose longer side is at most `side_px`, one of `SIDES_PX`.

        Raises:
            ImageUnreadable: its file is not there, or not readable any more.
            DecodingUnavailable: no process can be started.
        """
        name = f"{image.content_hash}-{side_px}.jpg"
        data = self._cache.get(name)
        self._metrics.thumbnails.labels("miss" if data is None else "hit").inc()
        if data is None:
            shrunk = self._decoders_of(side_px).shrink(str(image.path))
            data = jpeg_bytes(Image.fromarray(shrunk.pixels))
            self._cache.put(name, data)
        return data

    def original(self, image: ImageRecord) -> Path | bytes:
        """Return a picture's file as it is; see `Library.original`."""
        return self._library.original(image)

    def close(self) -> None:
        """End the processes that decode."""
        for decoders in self._decoders.values():
            decoders.close()

    def _decoders_of(self, side_px: int) -> Decoders:
        with self._lock:
            if side_px not in self._decoders:
                self._decoders[side_px] = Decoders(side_px, DEFAULT_LIMITS, _WORKERS)
            return self._decoders[side_px]
