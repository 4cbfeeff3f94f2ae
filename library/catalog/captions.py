"""Captions that a model wrote, in SQL: which images still lack one, and how they are added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..images.metadata.image_text import ImageText
from . import tables
from .conditions import Condition
from .conditions_sql import predicate
from .database import Database
from .planning import below
from .text_writing import TextModel, sync_texts
from .vector_codec import batched

_images = tables.images.c
_texts = tables.texts.c
_vectors = tables.text_embeddings.c


@dataclass(frozen=True, slots=True)
class Captioned:
    """A caption of the picture that an image had when it was looked at."""

    image_id: int
    content_hash: str
    text: ImageText


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images are to be captioned: at or below one of `paths`, all of them where none is given; and `where`."""

    paths: tuple[str, ...] = ()
    where: Condition | None = None


class CaptionCatalog:
    """The captions of one library. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wanted(self, wanted: Wanted) -> list[int]:
        """Return the ids, ascending, of the images that are there and meant."""
        return self._ids(self._meant(wanted))

    def lacking(self, wanted: Wanted, source: str, model_id: int) -> list[int]:
        """Return those of them without a text of `source` that has a vector of `model_id`."""
        has = (
            sa.select(_texts.id)
            .join(tables.text_embeddings, _vectors.text_id == _texts.id)
            .where(_texts.image_id == _images.id, _texts.source == source, _vectors.model_id == model_id)
        )
        return self._ids(sa.and_(self._meant(wanted), ~has.exists()))

    def written(self, source: str, image_ids: Sequence[int]) -> dict[int, str]:
        """Return the captions of `source`, by image id."""
        query = sa.select(_texts.image_id, _texts.body).where(_texts.source == source)
        with self._database.reading() as connection:
            return {
                image_id: body
                for part in batched(image_ids)
                for image_id, body in connection.execute(query.where(_texts.image_id.in_(part)))
            }

    def add(self, captions: Sequence[Captioned], family: tuple[str, str], model: TextModel) -> None:
        """Write captions and their vectors in one transaction, in place of older ones of their family.

        An image that changed or went meanwhile is left out.

        Args:
            captions: one for an image, at most.
            family: how the sources of all captions begin and end that these replace.
            model: the model's id and, by their words, the captions' vectors.
        """
        with self._database.writing() as (connection, change_seq):
            there = _contents(connection, [one.image_id for one in captions])
            kept = {one.image_id: (one.text,) for one in captions if there.get(one.image_id) == one.content_hash}
            sources = _sources(connection, list(kept), family) | {one.text.source for one in captions}
            sync_texts(connection, kept, sorted(sources), model, change_seq)

    def _meant(self, wanted: Wanted) -> sa.ColumnElement[bool]:
        there = _images.missing_since.is_(None)
        at = sa.or_(*(below(_images.path, path) for path in wanted.paths)) if wanted.paths else sa.true()
        return sa.and_(there, at, sa.true() if wanted.where is None else predicate(wanted.where))

    def _ids(self, which: sa.ColumnElement[bool]) -> list[int]:
        query = sa.select(_images.id).where(which).order_by(_images.id)
        with self._database.reading() as connection:
            return [int(image_id) for image_id in connection.execute(query).scalars()]


def _contents(connection: sa.Connection, image_ids: Sequence[int]) -> Mapping[int, str]:
    query = sa.select(_images.id, _images.content_hash)
    return {
        image_id: content_hash
        for part in batched(image_ids)
        for image_id, content_hash in connection.execute(query.where(_images.id.in_(part)))
    }


def _sources(connection: sa.Connection, image_ids: Sequence[int], family: tuple[str, str]) -> set[str]:
    start, end = family
    return {
        source
        for part in batched(image_ids)
        for source in connection.execute(sa.select(_texts.source).distinct().where(_texts.image_id.in_(part))).scalars()
        if source.startswith(start) and source.endswith(end)
    }
