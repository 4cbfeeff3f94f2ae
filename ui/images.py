"""The library's pictures for the browser: by id, at a few sizes, under addresses that only we can make."""

from __future__ import annotations

import hashlib
import hmac
import io
from enum import Enum
from pathlib import Path
from typing import Final

from PIL import Image

from .. import ImageRecord
from ..api import Library
from ..api.thumbnails import Thumbnails
from ..library.images.thumbnails import ThumbnailCache
from .deep_zoom import Tiles

_SIGNATURE_BYTES: Final = 16


class Shape(Enum):
    """What of a picture is sent: made small for grids, as large as a screen, or its file as it is."""

    GRID = "grid"
    SCREEN = "screen"
    FILE = "file"


SIDE_PX: Final = {Shape.GRID: 512, Shape.SCREEN: 1_600}
"""The longer side: a tile is at most 260 px high on a screen with two pixels to each; a view fills a laptop's."""

_WORKERS: Final = {Shape.GRID: 2, Shape.SCREEN: 1}


class ImageServer:
    """Makes, keeps and signs the pictures of one library. Thread-safe.

    An address holds the image's id and a signature with a secret of this process: pages that the password opened are
    told addresses, and nobody can make one up. `prefix` is what they begin with.
    """

    def __init__(self, library: Library, cache: ThumbnailCache, secret: bytes, base_path: str) -> None:
        self._library = library
        self._thumbnails = Thumbnails(cache, {SIDE_PX[shape]: count for shape, count in _WORKERS.items()})
        self._secret = secret
        self.prefix = f"/{base_path}/pictures" if base_path else "/pictures"
        self.tiles = Tiles(cache)

    def address(self, image: ImageRecord, shape: Shape) -> str:
        """Return where the browser finds a picture; it changes with the picture."""
        version = image.content_hash[:12]
        return f"{self.prefix}/{shape.value}/{image.id}?v={version}&k={self.sign(f'{shape.value}/{image.id}')}"

    def may_view(self, image_id: int, signature: str) -> bool:
        """Whether this is the signature of a picture's thumbnail: who was shown that may see all there is of it."""
        return self.is_signed(f"{Shape.GRID.value}/{image_id}", signature)

    def upload_address(self, visit: str) -> str:
        """Return where the pages of a visit may send a picture."""
        return f"{self.prefix}/upload?visit={visit}&k={self.sign(f'upload/{visit}')}"

    def sign(self, what: str) -> str:
        """Return a signature that only this process can make."""
        return hmac.new(self._secret, what.encode(), hashlib.sha256).hexdigest()[: 2 * _SIGNATURE_BYTES]

    def is_signed(self, what: str, signature: str) -> bool:
        """Whether `sign` made this signature."""
        return hmac.compare_digest(self.sign(what).encode(), signature.encode(errors="replace"))

    def record(self, image_id: int) -> ImageRecord | None:
        """Return what is known of an image that is there."""
        return self._library.images([image_id]).get(image_id)

    def jpeg(self, image: ImageRecord, shape: Shape) -> bytes:
        """Return a picture as JPEG, from the cache or made now; waits for a process that decodes.

        Raises:
            ImageUnreadable: its file is not there, or not readable any more.
            DecodingUnavailable: no process can be started.
        """
        return self._thumbnails.jpeg(image, SIDE_PX[shape])

    def image(self, image: ImageRecord, shape: Shape) -> Image.Image:
        """Return a picture made small, RGB; raises as `jpeg` does."""
        return Image.open(io.BytesIO(self.jpeg(image, shape))).convert("RGB")

    def original(self, image: ImageRecord) -> Path | bytes:
        """Return a picture's file as it is; see `Library.original`."""
        return self._library.original(image)

    def close(self) -> None:
        """End the processes that decode."""
        self.tiles.close()
        self._thumbnails.close()
