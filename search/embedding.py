"""One picture, from a file's path or its bytes, as a vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..library.embedders.base import Embedder
from ..library.errors import ImageUnreadable
from ..library.types import Vectors


def embed_file(embedder: Embedder, path: Path) -> Vectors:
    """Embed the picture in one file, or in an archive as `ARCHIVE!/MEMBER`, into (1, dim) L2-normalised float32.

    Raises:
        ImageUnreadable: there is no such file, or no picture in it.
    """
    # Imported where a picture is asked about: a search for words would spend a tenth of its time on it.
    from ..library.images.decoding import DEFAULT_LIMITS
    from ..library.images.sources import read_bytes

    try:
        data = read_bytes(str(path), DEFAULT_LIMITS.max_bytes)
    except OSError as error:
        raise ImageUnreadable(str(path), f"cannot be read: {error.strerror or error}") from error
    return embed_bytes(embedder, data, str(path))


def embed_bytes(embedder: Embedder, data: bytes, name: str) -> Vectors:
    """Embed an encoded picture into (1, dim) L2-normalised float32; `name` stands in the error.

    Raises:
        ImageUnreadable: it is no picture, or one too large.
    """
    from ..library.images.decoding import decode

    decoded = decode(data, name, min_side_px=embedder.spec.image_size)
    return embedder.embed_images(embedder.preprocess(decoded.image)[np.newaxis])
