"""What an indexing run can find out about a file, as values the catalogue writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ..images.metadata.image_text import ImageText, Sidecar
from ..images.sources import Failed, FileState
from ..types import Vectors


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What reading a file tells. Fields as in `ImageRecord`."""

    content_hash: str
    width: int
    height: int
    format: str
    orientation: int
    taken_at: datetime | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    taken_offset_min: int | None = None
    lens: str | None = None
    rating: int | None = None
    colours: str = ""
    perceptual_hash: int | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A row of `images`, as far as planning needs it. `embedded` is for the run's model."""

    image_id: int
    path: str
    size_bytes: int
    mtime_ns: int
    content_hash: str
    missing: bool
    embedded: bool
    sidecars: str = ""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """The file of an image that is there, as it was when it was indexed."""

    image_id: int
    path: str
    size_bytes: int
    mtime_ns: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class KnownContent:
    """A picture the catalogue already holds, under whatever path. `vector` is (dim,) float32, or None.

    `texts` are those that travel in the file, `sidecars` describes the files that lay beside it.
    """

    image_id: int
    path: str
    missing: bool
    facts: ImageFacts
    vector: Vectors | None
    sidecars: str = ""
    texts: tuple[ImageText, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A row of the failure ledger, as far as planning needs it."""

    size_bytes: int
    mtime_ns: int
    tries: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """What is kept of what the model saw at the places of a picture, and in which version of doing so."""

    version: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Indexed:
    """A picture with its vector, (dim,) L2-normalised float32, and all the words that came with it.

    `image_id` is that of the row at the same path, or None for a new row. `content_changed` says that the
    row held another picture, whose vectors in other models no longer hold.
    """

    file: FileState
    facts: ImageFacts
    vector: Vectors
    image_id: int | None
    content_changed: bool
    texts: tuple[ImageText, ...] = ()
    places: Places | None = None


@dataclass(frozen=True, slots=True)
class Relocated:
    """A known picture whose file now has this path, size and modification time, and is there.

    `sidecar` is what the files beside it tell now, or None when they are as they were.
    """

    image_id: int
    file: FileState
    sidecar: Sidecar | None = None


@dataclass(frozen=True, slots=True)
class Vanished:
    """A known picture whose file is gone."""

    image_id: int


@dataclass(frozen=True, slots=True)
class FailureGone:
    """A file of the failure ledger that is no longer there."""

    path: str


@dataclass(frozen=True, slots=True)
class ArchiveListed:
    """An archive that was looked into: as long as `images` of its members are written, it need not be opened again.

    `file` has the archive's path and "!", where its members' paths go on with a slash.
    """

    file: FileState
    images: int


Change: TypeAlias = Indexed | Relocated | Vanished | Failed | FailureGone | ArchiveListed
