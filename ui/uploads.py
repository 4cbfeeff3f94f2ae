"""Pictures that visitors bring: limited, decoded in isolation, kept as pictures of our own while the server runs."""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image

from ..library.captions import printable
from ..library.errors import ImageUnreadable
from ..library.images import DecodeLimits
from ..search.thumbnails import jpeg_bytes, png_bytes
from .decoding import Decoders

MOST_UPLOAD_BYTES: Final = 20 << 20
UPLOAD_LIMITS: Final = DecodeLimits(max_pixels=100_000_000, max_decoded_pixels=50_000_000, max_bytes=MOST_UPLOAD_BYTES)
"""A camera's largest JPEG has 100 megapixels and 50 MB; most have 24 and 10."""

_SIDE_PX: Final = 1_024
_PREVIEW_PX: Final = 96
_MOST_KEPT: Final = 200
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was brought.

    `file` is ours, of at most a megapixel, and `preview` a small one as a data URL. `name` is its name, made plain.
    """

    key: str
    file: Path
    name: str
    preview: str


class Uploads:
    """The pictures brought to this server, the newest few of them. Thread-safe; a random key names each."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="photoseek-uploads-")
        self._decoders = Decoders(_SIDE_PX, UPLOAD_LIMITS, workers=1)
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = Lock()

    def add(self, data: bytes, name: str) -> Upload:
        """Take in the bytes of a file.

        Raises:
            ImageUnreadable: it is no picture, or one too large.
            DecodingUnavailable: no process can be started.
        """
        shown = printable(name)[:_LONGEST_NAME] or "picture"
        if len(data) > MOST_UPLOAD_BYTES:
            raise ImageUnreadable(shown, f"its bytes are over the limit of {MOST_UPLOAD_BYTES >> 20} MB")
        key = secrets.token_urlsafe(16)
        raw = Path(self._folder.name) / f"{key}.brought"
        try:
            raw.write_bytes(data)
            shrunk = self._decoders.shrink(str(raw))
        except ImageUnreadable as error:
            raise ImageUnreadable(shown, error.reason) from error
        finally:
            raw.unlink(missing_ok=True)
        picture = Image.fromarray(shrunk.pixels)
        upload = Upload(key, raw.with_suffix(".png"), shown, _data_url(picture))
        upload.file.write_bytes(png_bytes(picture))
        with self._lock:
            self._kept[key] = upload
            while len(self._kept) > _MOST_KEPT:
                _, oldest = self._kept.popitem(last=False)
                oldest.file.unlink(missing_ok=True)
        return upload

    def get(self, key: str) -> Upload | None:
        """Return what was brought under `key`, if it is still kept."""
        with self._lock:
            return self._kept.get(key)

    def close(self) -> None:
        """Forget them all."""
        self._decoders.close()
        self._folder.cleanup()


def _data_url(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_bytes(small)).decode()
