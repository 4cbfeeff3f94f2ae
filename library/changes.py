"""What an indexing run can find out about a file, as values the catalogue writes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from .captions import ImageText, Sidecar
from .types import Vectors

_LATEST_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as the file system describes it, and the root under which it was found.

    `sidecars` describes the files beside it that tell of it, as `sidecars.state_of` does; empty when there are none.
    `offset` is where a member lies in its archive, None for a file of its own: the order in which it is read best, and
    nothing that makes it another file.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    sidecars: str = ""
    offset: int | None = field(default=None, compare=False)

    @classmethod
    def described(cls, path: str, root: str, status: os.stat_result, sidecars: str = "") -> FileState:
        """Return the file as `status` has it; a date past the year 2262 is taken for that year's, to fit SQL."""
        return cls(path, root, status.st_size, max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS)), sidecars)


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
class Failed:
    """A file that could not be indexed."""

    file: FileState
    stage: str
    reason: str


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
