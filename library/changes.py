"""What an indexing run can find out about a file, as values the catalogue writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from .types import Vectors

_LATEST_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as the file system describes it, and the root under which it was found."""

    path: str
    root: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def described(cls, path: str, root: str, status: os.stat_result) -> FileState:
        """Return the file as `status` has it; a date past the year 2262 is taken for that year's, to fit SQL."""
        return cls(path, root, status.st_size, max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS)))


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


@dataclass(frozen=True, slots=True)
class KnownContent:
    """A picture the catalogue already holds, under whatever path. `vector` is (dim,) float32, or None."""

    image_id: int
    path: str
    missing: bool
    facts: ImageFacts
    vector: Vectors | None


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A row of the failure ledger, as far as planning needs it."""

    size_bytes: int
    mtime_ns: int
    tries: int


@dataclass(frozen=True, slots=True)
class Indexed:
    """A picture with its vector, (dim,) L2-normalised float32.

    `image_id` is that of the row at the same path, or None for a new row. `content_changed` says that the
    row held another picture, whose vectors in other models no longer hold.
    """

    file: FileState
    facts: ImageFacts
    vector: Vectors
    image_id: int | None
    content_changed: bool


@dataclass(frozen=True, slots=True)
class Relocated:
    """A known picture whose file now has this path, size and modification time, and is there."""

    image_id: int
    file: FileState


@dataclass(frozen=True, slots=True)
class Vanished:
    """A known picture whose file is gone."""

    image_id: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be indexed."""

    file: FileState
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailureGone:
    """A file of the failure ledger that is no longer there."""

    path: str


Change: TypeAlias = Indexed | Relocated | Vanished | Failed | FailureGone
