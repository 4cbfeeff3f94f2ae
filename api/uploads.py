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

from ..library.errors import ImageUnreadable
from ..library.images.decoding import DecodeLimits
from ..library.images.metadata.image_text import printable
from ..library.images.thumbnails import Decoders
from ..search.thumbnails import jpeg_bytes, png_bytes

MOST_UPLOAD_BYTES: Final = 20 << 20
UPLOAD_LIMITS: Final = DecodeLimits(max_pixels=100_000_000, max_decoded_pixels=50_000_000, max_bytes=MOST_UPLOAD_BYTES)
"""A camera's largest JPEG has 100 megapixels and 50 MB; most have 24 and 10."""

_SIDE_PX: Final = 1_024
_PREVIEW_PX: Final = 96
_MOST_KEPT: Final = 200
MOST_KEPT_OF_ONE: Final = 40
_MOST_KEPT_BYTES: Final = 256 << 20
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was brought.

    `file` is ours, of at most a megapixel, and `preview` a small one as a data URL. `name` is its name, made plain.
    `visit` is whose it is.
    """

    key: str
    file: Path
    name: str
    preview: str
    visit: str
    size_bytes: int


class Uploads:
    """The pictures brought to this server, the newest few of them. Thread-safe; a random key names each.

    They are bounded in number and bytes, those of one visit first: whoever brings many loses his own.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="photoseek-uploads-")
        self._decoders = Decoders(_SIDE_PX, UPLOAD_LIMITS, workers=1)
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = Lock()

    def add(self, data: bytes, name: str, visit: str = "") -> Upload:
        """Take in the bytes of a file that a visit brings.

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
        png = png_bytes(picture)
        upload = Upload(key, raw.with_suffix(".png"), shown, _data_url(picture), visit, len(png))
        upload.file.write_bytes(png)
        with self._lock:
            self._kept[key] = upload
            self._make_room(visit)
        return upload

    def _make_room(self, visit: str) -> None:
        """Let go of the oldest pictures, of this visit and then of all, until the bounds are kept."""
        own = [each.key for each in self._kept.values() if each.visit == visit]
        for key in own[:-MOST_KEPT_OF_ONE]:
            self._kept.pop(key).file.unlink(missing_ok=True)
        size_bytes = sum(each.size_bytes for each in self._kept.values())
        while len(self._kept) > _MOST_KEPT or size_bytes > _MOST_KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            oldest.file.unlink(missing_ok=True)
            size_bytes -= oldest.size_bytes

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
