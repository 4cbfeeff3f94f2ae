"""The library's pictures for whoever asks over HTTP: thumbnails, counted by whether they were kept, and originals."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..api import Library
from ..api.thumbnails import Thumbnails
from ..library.images.thumbnails import ThumbnailCache
from ..library.types import ImageRecord
from .metrics import Metrics

SIDES_PX: Final = (256, 512, 1_600)
"""The longer side of thumbnails: few sizes, so that what is kept is kept once."""

_WORKERS: Final = 2


class Pictures:
    """Hands out thumbnails and originals. Thread-safe."""

    def __init__(self, library: Library, cache: ThumbnailCache, metrics: Metrics) -> None:
        self._library = library
        self._thumbnails = Thumbnails(cache, dict.fromkeys(SIDES_PX, _WORKERS))
        self._metrics = metrics

    def thumbnail(self, image: ImageRecord, side_px: int) -> bytes:
        """Return a picture as JPEG whose longer side is at most `side_px`, one of `SIDES_PX`.

        Raises:
            ImageUnreadable: its file is not there, or not readable any more.
            DecodingUnavailable: no process can be started.
        """
        kept = self._thumbnails.kept(image, side_px)
        self._metrics.thumbnails.labels("miss" if kept is None else "hit").inc()
        return self._thumbnails.jpeg(image, side_px) if kept is None else kept

    def original(self, image: ImageRecord) -> Path | bytes:
        """Return a picture's file as it is; see `Library.original`."""
        return self._library.original(image)

    def close(self) -> None:
        """End the processes that decode."""
        self._thumbnails.close()
