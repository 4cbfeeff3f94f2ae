"""Pictures at their full size in tiles, for a viewer that comes closer: cut in isolation, a whole level at a time."""

from __future__ import annotations

import io
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final

from PIL import Image

from .. import ImageRecord
from ..library.images.decoding import DEFAULT_LIMITS, DecodeLimits
from ..library.images.thumbnails import FileWork, ThumbnailCache, decode_file

TILE_PX: Final = 512
SCREEN_PX: Final = 1_600
"""The longer side of what a viewer shows before it comes closer; a level that is no larger needs no tiles."""

_MOST_LEVEL_PX: Final = 120_000_000
"""Pixels of the finest level: 360 MB in the process that cuts it, beside what the codec needs."""

_MOST_HELD_BYTES: Final = 64 << 20
_QUALITY: Final = 88
_TIMEOUT_S: Final = 60.0


def levels_of(width: int, height: int) -> range:
    """Return the levels of a picture that come in tiles, finest first: level n has 1 / 2^n of its sides."""
    finest = 0
    while (width * height) >> (2 * finest) > _MOST_LEVEL_PX:
        finest += 1
    coarsest = finest
    while max(width, height) >> coarsest > SCREEN_PX:
        coarsest += 1
    return range(finest, coarsest)


def size_at(width: int, height: int, level: int) -> tuple[int, int]:
    """Return a picture's width and height at a level, in pixels."""
    return -(-width >> level), -(-height >> level)


@dataclass(frozen=True, slots=True)
class Cutting:
    """What is to be cut: a file, or an archive's member, to `width` times `height` pixels."""

    path: str
    width: int
    height: int


def cut(limits: DecodeLimits, cutting: Cutting) -> tuple[bytes, ...]:
    """Decode a file and return its tiles as JPEG, row by row; those at the right and the bottom may be smaller.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
        MemoryError: it needs more than this process may have.
    """
    size = (cutting.width, cutting.height)
    picture = decode_file(cutting.path, limits, min(size)).image
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return tuple(
        _encoded(picture.crop((left, top, min(left + TILE_PX, size[0]), min(top + TILE_PX, size[1]))))
        for top in range(0, size[1], TILE_PX)
        for left in range(0, size[0], TILE_PX)
    )


def _encoded(tile: Image.Image) -> bytes:
    stream = io.BytesIO()
    tile.save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


class Tiles:
    """The tiles of one library's pictures, kept among its thumbnails. Thread-safe.

    One level of one picture is cut at a time; whoever asks for tiles of it meanwhile waits for the same cut. The last
    few are held in memory too, so that a cache that cannot be written costs no more than that.
    """

    def __init__(self, cache: ThumbnailCache) -> None:
        self._cache = cache
        self._work: FileWork[Cutting, tuple[bytes, ...]] = FileWork(partial(cut, DEFAULT_LIMITS), 1, _TIMEOUT_S)
        self._running: dict[tuple[str, int], Future[tuple[bytes, ...]]] = {}
        self._held: OrderedDict[tuple[str, int], tuple[bytes, ...]] = OrderedDict()
        self._lock = Lock()

    def kept(self, image: ImageRecord, level: int, place: int) -> bytes | None:
        """Return a tile that was cut before, by its place in the level, row by row."""
        with self._lock:
            held = self._held.get((image.content_hash, level))
        if held is not None:
            return held[place] if place < len(held) else None
        return self._cache.get(_name(image, level, place))

    def cutting(self, image: ImageRecord, level: int) -> Future[tuple[bytes, ...]]:
        """Have a level cut, and return what will hold its tiles.

        Its exceptions: `ImageUnreadable` where the file cannot be read; `DecodingUnavailable` where no process can be
        started.
        """
        key = (image.content_hash, level)
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = self._work.submit(Cutting(str(image.path), *_size(image, level)))
                running.add_done_callback(lambda done: self._note(image, level, done))
        return running

    def _note(self, image: ImageRecord, level: int, done: Future[tuple[bytes, ...]]) -> None:
        key = (image.content_hash, level)
        tiles = () if done.cancelled() or done.exception() is not None else done.result()
        with self._lock:
            self._running.pop(key, None)
            if tiles:
                self._held[key] = tiles
                while len(self._held) > 1 and _bytes_of(self._held) > _MOST_HELD_BYTES:
                    self._held.popitem(last=False)
        for place, data in enumerate(tiles):
            self._cache.put(_name(image, level, place), data)

    def close(self) -> None:
        """End the process that cuts."""
        self._work.close()


def place_in(image: ImageRecord, level: int, column: int, row: int) -> int | None:
    """Return a tile's place in its level, row by row; None where there is no such tile."""
    if level not in levels_of(image.width, image.height):
        return None
    columns, rows = (-(-side // TILE_PX) for side in _size(image, level))
    return row * columns + column if 0 <= column < columns and 0 <= row < rows else None


def _size(image: ImageRecord, level: int) -> tuple[int, int]:
    return size_at(image.width, image.height, level)


def _name(image: ImageRecord, level: int, place: int) -> str:
    return f"{image.content_hash}-{level}-{place}.jpg"


def _bytes_of(held: OrderedDict[tuple[str, int], tuple[bytes, ...]]) -> int:
    return sum(len(tile) for tiles in held.values() for tile in tiles)
