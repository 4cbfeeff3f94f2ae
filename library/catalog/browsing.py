"""What there is to browse: the newest images, folders, cameras and ratings to choose from, and copies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
import sqlalchemy as sa

from ..images.metadata.image_text import ImageText
from ..types import ImageDetail, ImageRecord
from . import tables
from .conditions import Condition
from .conditions_sql import predicate
from .database import Database

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..types import ImageIds

MOST_VALUES: Final = 200
"""Values of one field that are told, the most frequent ones."""

_REST_FACTOR: Final = 50
"""While a library is being written to, counting anew waits this many times as long as the last counting took."""

_images = tables.images.c
_texts = tables.texts.c


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field, and how many images have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the images that are there have, the most frequent first.

    `roots` are the folders that were indexed. `ratings` counts images by their stars. Dates are the camera's local
    times; None where no image has one. `placed` have coordinates, `captioned` a caption.
    """

    images: int = 0
    roots: tuple[Choice, ...] = ()
    cameras: tuple[Choice, ...] = ()
    formats: tuple[Choice, ...] = ()
    ratings: tuple[Choice, ...] = ()
    earliest: datetime | None = None
    latest: datetime | None = None
    placed: int = 0
    captioned: int = 0


class BrowsingCatalog:
    """Shows a library without a question. Thread-safe; counts again when the library has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._kept: tuple[int, Facets] | None = None
        self._rests_until_s = 0.0

    def facets(self) -> Facets:
        """Return what there is, as of now or, while the library is being written to, of a little ago."""
        seq = self._database.meta().change_seq
        with self._lock:
            if self._kept is not None and (self._kept[0] == seq or time.monotonic() < self._rests_until_s):
                return self._kept[1]
            start_s = time.monotonic()
            facets = self._counted()
            end_s = time.monotonic()
            self._kept = (seq, facets)
            self._rests_until_s = end_s + _REST_FACTOR * (end_s - start_s)
            return facets

    def newest(self, count: int, where: Condition | None = None, *, oldest_first: bool = False) -> list[int]:
        """Return the ids of up to `count` images of which `where` is true: by their date, undated last."""
        query = sa.select(_images.id).where(_images.missing_since.is_(None))
        if where is not None:
            query = query.where(predicate(where))
        taken_at = _images.taken_at.asc() if oldest_first else _images.taken_at.desc()
        query = query.order_by(taken_at.nulls_last(), _images.id.desc()).limit(count)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def detail(self, image: int | str) -> ImageDetail | None:
        """Return everything about an image by its id or its path, there or missing; None where there is none."""
        which = _images.id == image if isinstance(image, int) else _images.path == image
        names = [name for name in ImageRecord.__slots__ if name != "path"]
        models, vectors = tables.models.c, tables.embeddings.c
        with self._database.reading() as connection:
            row = connection.execute(sa.select(*_images).where(which)).first()
            if row is None:
                return None
            texts = sa.select(_texts.source, _texts.kind, _texts.body, _texts.language)
            texts = texts.where(_texts.image_id == row.id).order_by(_texts.id)
            keys = sa.select(models.key).join(tables.embeddings, vectors.model_id == models.id)
            keys = keys.where(vectors.image_id == row.id).order_by(models.id)
            same = sa.and_(_images.size_bytes == row.size_bytes, _images.content_hash == row.content_hash)
            copies = sa.select(_images.path).where(same, _images.id != row.id, _images.missing_since.is_(None))
            return ImageDetail(
                ImageRecord(path=Path(row.path), **{name: getattr(row, name) for name in names}),
                row.root,
                row.indexed_at,
                row.missing_since,
                tuple(ImageText(*text) for text in connection.execute(texts)),
                tuple(connection.execute(keys).scalars()),
                tuple(connection.execute(copies.order_by(_images.path)).scalars()),
            )

    def count(self, where: Condition | None) -> int:
        """Count the images of which `where` is true."""
        if where is None:
            return self.facets().images
        query = sa.select(sa.func.count()).where(_images.missing_since.is_(None), predicate(where))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _counted(self) -> Facets:
        there = _images.missing_since.is_(None)
        whole = sa.select(
            sa.func.count(),
            sa.func.min(_images.taken_at),
            sa.func.max(_images.taken_at),
            sa.func.count(_images.latitude),
        ).where(there)
        captioned = (
            sa.select(sa.func.count(sa.distinct(_texts.image_id)))
            .join_from(tables.texts, tables.images)
            .where(there, _texts.kind == "caption")
        )
        with self._database.reading() as connection:
            count, earliest, latest, placed = connection.execute(whole).one()
            return Facets(
                count,
                roots=_choices(connection, _images.root),
                cameras=_choices(connection, _images.camera),
                formats=_choices(connection, _images.format),
                ratings=_choices(connection, _images.rating),
                earliest=earliest,
                latest=latest,
                placed=placed,
                captioned=int(connection.execute(captioned).scalar_one()),
            )


def _choices(connection: sa.Connection, column: sa.Column[str] | sa.Column[int]) -> tuple[Choice, ...]:
    count = sa.func.count()
    query = (
        sa.select(column, count)
        .where(_images.missing_since.is_(None), column.is_not(None))
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(MOST_VALUES)
    )
    return tuple(Choice(str(value), found) for value, found in connection.execute(query))


class DuplicatesCatalog:
    """Questions about copies. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exact_copies(self) -> list[tuple[int, ...]]:
        """Return the ids of images whose files are the same to the byte: a tuple for each content, ids ascending."""
        there = _images.missing_since.is_(None)
        shared = (
            sa.select(_images.size_bytes, _images.content_hash)
            .where(there)
            .group_by(_images.size_bytes, _images.content_hash)
            .having(sa.func.count() > 1)
            .subquery()
        )
        same = sa.and_(shared.c.size_bytes == _images.size_bytes, shared.c.content_hash == _images.content_hash)
        query = sa.select(_images.content_hash, _images.id).select_from(tables.images.join(shared, same)).where(there)
        groups: dict[str, list[int]] = {}
        with self._database.reading() as connection:
            for content_hash, image_id in connection.execute(query.order_by(_images.id)):
                groups.setdefault(content_hash, []).append(image_id)
        return [tuple(ids) for ids in groups.values()]

    def perceptual_hashes(self) -> tuple[ImageIds, NDArray[np.uint64]]:
        """Return the ids, ascending, of the images that are there and have a hash, and these; see `perceptual_hash`."""
        query = sa.select(_images.id, _images.perceptual_hash).order_by(_images.id)
        query = query.where(_images.missing_since.is_(None), _images.perceptual_hash.is_not(None))
        with self._database.reading() as connection:
            rows = np.array([tuple(row) for row in connection.execute(query)], dtype=np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1].view(np.uint64)
