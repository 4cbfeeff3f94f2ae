"""The pictures of a library made small: in processes apart, kept within a bound, and under what they really show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from PIL import Image

from ..library.images.archives import split_member
from ..library.images.decoding import DEFAULT_LIMITS
from ..library.images.thumbnails import Decoders, ThumbnailCache
from ..library.types import ImageRecord
from ..search.thumbnails import jpeg_bytes


class Thumbnails:
    """Makes and keeps thumbnails. Thread-safe.

    Args:
        cache: what keeps them.
        workers: the sizes there are, each the longer side in pixels, and how many files are made so small at a time.
    """

    def __init__(self, cache: ThumbnailCache, workers: Mapping[int, int]) -> None:
        self._cache = cache
        self._workers = workers
        self._decoders: dict[int, Decoders] = {}
        self._lock = Lock()

    def kept(self, image: ImageRecord, side_px: int) -> bytes | None:
        """Return a picture as JPEG if it was made before."""
        return self._cache.get(_name(image, side_px))

    def jpeg(self, image: ImageRecord, side_px: int) -> bytes:
        """Return a picture as JPEG, from the cache or made now; waits for a process that decodes.

        Raises:
            ImageUnreadable: its file is not there, or not readable any more.
            DecodingUnavailable: no process can be started.
        """
        data = self.kept(image, side_px)
        if data is None:
            shrunk = self._decoders_of(side_px).shrink(str(image.path))
            data = jpeg_bytes(Image.fromarray(shrunk.pixels))
            if _is_as_indexed(image):  # else it would be kept under the name of what the file showed before
                self._cache.put(_name(image, side_px), data)
        return data

    def close(self) -> None:
        """End the processes that decode."""
        for decoders in self._decoders.values():
            decoders.close()

    def _decoders_of(self, side_px: int) -> Decoders:
        with self._lock:
            if side_px not in self._decoders:
                self._decoders[side_px] = Decoders(side_px, DEFAULT_LIMITS, self._workers[side_px])
            return self._decoders[side_px]


def _name(image: ImageRecord, side_px: int) -> str:
    return f"{image.content_hash}-{side_px}.jpg"


def _is_as_indexed(image: ImageRecord) -> bool:
    """Whether an image's file, or the archive that it lies in, has the size and date that it was indexed with."""
    member = split_member(str(image.path))
    try:
        status = (image.path if member is None else Path(member[0])).stat()
    except OSError:
        return False
    return status.st_mtime_ns == image.mtime_ns and (member is not None or status.st_size == image.size_bytes)
