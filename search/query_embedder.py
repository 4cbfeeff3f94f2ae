"""What a query asks for, turned into vectors: words, files, images of the library, and images on the web."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..library.catalog.catalog import Catalog
from ..library.embedders.base import Embedder
from ..library.errors import ImageUnreadable, QueryError
from ..library.files import expanded
from ..library.types import ImageRecord, Vectors
from ..library.vectors.live_vectors import LiveVectors
from .query.query import Address, KnownImage, Picture, Subject, Words
from .texts import TextVectors

# What fetches from the web is imported when a query speaks of an address.
if TYPE_CHECKING:
    from .remote import FetchLimits


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


def known_image(catalog: Catalog, image: KnownImage) -> ImageRecord:
    """Return what is known of an image of the library.

    Raises:
        QueryError: there is none of this id.
    """
    found = catalog.images([image.image_id]).get(image.image_id)
    if found is None:
        message = f"no image of the library has the id {image.image_id}; `photoseek search --json` tells the ids"
        raise QueryError(message)
    return found


class QueryEmbedder:
    """Knows the vectors of subjects in one library and one model. Thread-safe."""

    def __init__(
        self,
        catalog: Catalog,
        vectors: LiveVectors,
        embedder: Embedder,
        texts: TextVectors,
        limits: FetchLimits | None = None,
    ) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._embedder = embedder
        self._texts = texts
        self._limits = limits

    def vectors_of(self, subjects: Sequence[Subject]) -> Vectors:
        """Return (n, dim) L2-normalised float32, in the order asked.

        Raises:
            QueryError: an image of the library is not there, or was indexed with another model only.
            AddressRefused: a URL may not be fetched.
            ImageUnreadable: a picture cannot be read.
        """
        texts = [subject.text for subject in subjects if isinstance(subject, Words)]
        embedded = iter(self._texts.of(texts))
        return np.stack([next(embedded) if isinstance(one, Words) else self._picture(one) for one in subjects])

    def _picture(self, subject: Picture | KnownImage | Address) -> Vectors:
        match subject:
            case KnownImage(image_id):
                return self._known(image_id)
            case Picture(path):
                file = expanded(path)
                stored = self._stored(file)
                return np.asarray(embed_file(self._embedder, file)[0] if stored is None else stored)
            case Address(url):
                from .remote import DEFAULT_FETCH, fetch_image

                vector = embed_bytes(self._embedder, fetch_image(url, self._limits or DEFAULT_FETCH), url)[0]
                return np.asarray(vector, dtype=np.float32)

    def _known(self, image_id: int) -> Vectors:
        known_image(self._catalog, KnownImage(image_id))
        try:
            return np.asarray(self._vectors.vector_of([image_id])[0], dtype=np.float32)
        except KeyError as error:
            message = f"image {image_id} has not been indexed with this model: run `photoseek index` with it"
            raise QueryError(message) from error

    def _stored(self, path: Path) -> Vectors | None:
        """Return the vector of a file that is in the library as it is on disk, without reading the file."""
        try:
            known = self._catalog.find_file(os.path.abspath(path))  # noqa: PTH100 - as indexing writes them
            if known is None:
                return None
            state = path.stat()
            if (state.st_size, state.st_mtime_ns) != (known.size_bytes, known.mtime_ns):
                return None
            return np.asarray(self._vectors.vector_of([known.image_id])[0], dtype=np.float32)
        except (OSError, KeyError, ValueError, RuntimeError):
            return None  # reading it says what is wrong with it
