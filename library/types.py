"""The values that pass between photoseek's rooms: records, hits, array aliases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .images.metadata.image_text import ImageText

# Named in quotes, since numpy.typing is slow to import and only type checkers read it.
Vectors: TypeAlias = "NDArray[np.float32]"
"""(n, dim) float32; rows L2-normalised unless said otherwise."""

Pixels: TypeAlias = "NDArray[np.uint8]"
"""(height, width, 3) or (n, height, width, 3) uint8 RGB."""

ImageIds: TypeAlias = "NDArray[np.int64]"
"""(n,) int64 ids of rows in the `images` table."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the catalogue knows about one image.

    `width` and `height` are pixels as displayed, after the EXIF orientation (1-8) is applied.
    `taken_at` is the camera's local time, without zone, and `taken_offset_min` by how many minutes it is ahead of UTC.
    Latitude and longitude are degrees, WGS 84. `rating` is 0-5 stars. `colours` names up to three, the largest part
    first. `perceptual_hash` is signed, 64 bits. `warning` says what is wrong with a picture that was kept nevertheless.
    """

    id: int
    path: Path
    size_bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int
    format: str
    orientation: int
    taken_at: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    taken_offset_min: int | None = None
    lens: str | None = None
    rating: int | None = None
    colours: str = ""
    perceptual_hash: int | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class ImageDetail:
    """Everything the catalogue knows of one image.

    `texts` are the words about it, each with its source and kind; `models` the keys of those that have its vector;
    `copies` the paths of images with the same content. `missing_since` is in UTC, None while its file is there.
    """

    image: ImageRecord
    root: str
    indexed_at: datetime
    missing_since: datetime | None
    texts: tuple[ImageText, ...]
    models: tuple[str, ...]
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: an image and its cosine similarity to the query, higher is better.

    `probability` says how likely it is a match, where the query asked for a calibrated answer.
    """

    image: ImageRecord
    score: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One word or phrase for an image, with its cosine similarity, higher is better."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """One neighbour found by a vector index."""

    image_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Damage:
    """One picture that was kept though something is wrong with it, and what."""

    path: str
    warning: str


@dataclass(frozen=True, slots=True)
class Removed:
    """How much a library has forgotten: images, and recorded failures."""

    images: int
    failures: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that could not be indexed, and why.

    `stage` is where it failed: `discover`, `read` or `decode`. `tries` counts the attempts so far.
    """

    path: str
    stage: str
    reason: str
    tries: int
