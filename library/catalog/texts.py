"""The texts about images and their vectors: read from SQL, and brought up to date in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ..images.metadata.image_text import FILE_SOURCES, ImageText
from ..types import ImageIds, Vectors
from . import tables
from .database import Database
from .vector_codec import batched, pack_vector, split_rows

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


@dataclass(frozen=True, slots=True)
class TextModel:
    """The model of a run, and by their words the vectors it gave to texts, (dim,) L2-normalised float32 each."""

    model_id: int
    vectors: Mapping[str, Vectors]


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    image_id: int
    text: ImageText


def sync_texts(
    connection: sa.Connection,
    wanted: Mapping[int, tuple[ImageText, ...]],
    sources: Sequence[str],
    model: TextModel,
    change_seq: int,
) -> None:
    """Make each image's texts of these `sources` the wanted ones.

    Texts that stay keep their rows, and with them their vectors in other models.
    """
    there = [row for part in batched(list(wanted)) for row in _rows(connection, part, sources)]
    gone = [row for row in there if row.text not in wanted[row.image_id]]
    for part in batched([row.id for row in gone]):
        connection.execute(sa.delete(tables.texts).where(_texts.id.in_(part)))
    kept = {(row.image_id, row.text): row.id for row in there if row.text in wanted[row.image_id]}
    new = [(image_id, text) for image_id, texts in wanted.items() for text in texts if (image_id, text) not in kept]
    ids = kept | dict(zip(new, _inserted(connection, new, change_seq), strict=True))
    _embed(connection, {text_id: text.body for (_, text), text_id in ids.items()}, model, change_seq)


def _rows(connection: sa.Connection, image_ids: Sequence[int], sources: Sequence[str]) -> list[_Row]:
    query = sa.select(_texts.id, _texts.image_id, _texts.source, _texts.kind, _texts.body, _texts.language)
    query = query.where(_texts.image_id.in_(image_ids), _texts.source.in_(sources))
    return [_Row(row.id, row.image_id, ImageText(*row[2:])) for row in connection.execute(query)]


def _inserted(connection: sa.Connection, texts: Sequence[tuple[int, ImageText]], change_seq: int) -> Sequence[int]:
    if not texts:
        return []
    values = [
        {"image_id": image_id, "change_seq": change_seq} | {name: getattr(text, name) for name in text.__slots__}
        for image_id, text in texts
    ]
    insert = sa.insert(tables.texts).returning(_texts.id, sort_by_parameter_order=True)
    return connection.execute(insert, values).scalars().all()


def _embed(connection: sa.Connection, bodies: Mapping[int, str], model: TextModel, change_seq: int) -> None:
    """Give those of the texts, words by id, that have no vector of this model theirs."""
    ids = [text_id for text_id, body in bodies.items() if body in model.vectors]
    has = sa.select(_vectors.text_id).where(_vectors.model_id == model.model_id)
    there = {
        text_id
        for part in batched(ids)
        for text_id in connection.execute(has.where(_vectors.text_id.in_(part))).scalars()
    }
    missing = [text_id for text_id in ids if text_id not in there]
    if missing:
        connection.execute(
            sa.insert(tables.text_embeddings),
            [
                {
                    "text_id": text_id,
                    "model_id": model.model_id,
                    "vector": pack_vector(model.vectors[bodies[text_id]]),
                    "change_seq": change_seq,
                }
                for text_id in missing
            ],
        )
