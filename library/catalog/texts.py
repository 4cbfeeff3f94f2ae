"""What the catalogue knows in words: the texts about images and their vectors, read from SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ..images.metadata.image_text import FILE_SOURCES, ImageText
from ..types import ImageIds, Vectors
from . import tables
from .database import Database
from .vector_codec import batched, split_rows

_PAGE_ROWS = 5_000

_images = tables.images.c
_texts = tables.texts.c
_vectors = tables.text_embeddings.c


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Vectors of texts, in the order of their ids.

    `text_ids` and `image_ids` are (n,) int64, `vectors` (n, dim) L2-normalised float32.
    """

    text_ids: NDArray[np.int64]
    image_ids: ImageIds
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class TextChanges:
    """What happened to one model's text vectors after some change_seq.

    `touched` holds every id of an image whose texts, their vectors or whose presence may differ; `now` are all the
    texts of those that are there.
    """

    touched: ImageIds
    now: TextVectors


class TextCatalog:
    """The words about a library's images. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, image_ids: Sequence[int]) -> dict[int, tuple[ImageText, ...]]:
        """Return the texts of those images that have some, by image id, in the order they were written."""
        return self._read(image_ids, sa.true())

    def inside(self, image_ids: Sequence[int]) -> dict[int, tuple[ImageText, ...]]:
        """Return the texts that travel in the images' own files: those that a copy has as well."""
        return self._read(image_ids, _texts.source.in_([source for source in FILE_SOURCES if source != "sidecar"]))

    def by_id(self, text_ids: Sequence[int]) -> dict[int, ImageText]:
        """Return those of these texts that are there, by their ids."""
        query = sa.select(_texts.id, _texts.source, _texts.kind, _texts.body, _texts.language)
        with self._database.reading() as connection:
            return {
                row.id: ImageText(row.source, row.kind, row.body, row.language)
                for part in batched(text_ids)
                for row in connection.execute(query.where(_texts.id.in_(part)))
            }

    def count_vectors(self, model_id: int) -> int:
        """Count the text vectors of `model_id` whose images are there."""
        query = sa.select(sa.func.count()).select_from(_live(model_id).subquery())
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def chunks(self, model_id: int, dim: int) -> Iterator[TextVectors]:
        """Yield all text vectors whose images are there in the order of their ids, a chunk in memory at a time."""
        query = _live(model_id).order_by(_vectors.text_id).limit(_PAGE_ROWS)
        after = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(query.where(_vectors.text_id > after)).all()
            if not rows:
                return
            yield _split(rows, dim)
            after = rows[-1].text_id

    def changes(self, model_id: int, dim: int, after_seq: int) -> TextChanges:
        """Return what happened to the text vectors of `model_id` after `after_seq`; 0 asks for everything."""
        touched = sa.union(
            sa.select(_images.id).where(_images.texts_seq > after_seq),
            sa.select(_images.id).where(_images.change_seq > after_seq),
            sa.select(tables.deletions.c.image_id).where(tables.deletions.c.change_seq > after_seq),
        )
        with self._database.reading() as connection:
            touched_ids = sorted(int(image_id) for image_id in connection.execute(touched).scalars())
            rows = [
                row
                for part in batched(touched_ids)
                for row in connection.execute(_live(model_id).where(_texts.image_id.in_(part))).all()
            ]
        rows.sort(key=lambda row: row.text_id)
        return TextChanges(np.array(touched_ids, dtype=np.int64), _split(rows, dim))

    def _read(self, image_ids: Sequence[int], which: sa.ColumnElement[bool]) -> dict[int, tuple[ImageText, ...]]:
        query = sa.select(_texts.image_id, _texts.source, _texts.kind, _texts.body, _texts.language).where(which)
        found: dict[int, list[ImageText]] = {}
        with self._database.reading() as connection:
            for part in batched(image_ids):
                rows = connection.execute(query.where(_texts.image_id.in_(part)).order_by(_texts.id))
                for image_id, *rest in rows:
                    found.setdefault(image_id, []).append(ImageText(*rest))
        return {image_id: tuple(texts) for image_id, texts in found.items()}


def _live(model_id: int) -> sa.Select[int, int, bytes]:
    """Rows of (text id, image id, stored vector) whose images are there."""
    return (
        sa.select(_vectors.text_id, _texts.image_id, _vectors.vector)
        .join(tables.texts, _texts.id == _vectors.text_id)
        .join(tables.images, _images.id == _texts.image_id)
        .where(_vectors.model_id == model_id, _images.missing_since.is_(None))
    )


def _split(rows: Sequence[sa.Row[int, int, bytes]], dim: int) -> TextVectors:
    text_ids, vectors = split_rows([(row.text_id, row.vector) for row in rows], dim)
    return TextVectors(text_ids, np.array([row.image_id for row in rows], dtype=np.int64), vectors)
