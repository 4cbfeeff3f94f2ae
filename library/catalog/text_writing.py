"""How the words about images are brought up to date, inside the transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..images.metadata.image_text import ImageText
from ..types import Vectors
from . import tables
from .vector_codec import batched, pack_vector

_images = tables.images.c
_texts = tables.texts.c
_vectors = tables.text_embeddings.c


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
    embedded = _embed(connection, {ids[key]: key[1].body for key in ids}, model, change_seq)
    changed = {row.image_id for row in gone} | {
        image_id for (image_id, _), text_id in ids.items() if text_id in embedded
    }
    changed |= {image_id for image_id, _ in new}
    for ids_part in batched(sorted(changed)):
        connection.execute(sa.update(tables.images).where(_images.id.in_(ids_part)).values(texts_seq=change_seq))


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


def _embed(connection: sa.Connection, bodies: Mapping[int, str], model: TextModel, change_seq: int) -> set[int]:
    """Give the texts, words by id, their vectors; return the ids of those that had none in this model."""
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
    return set(missing)
