"""What the catalogue knows of copies: files with the same content, and the perceptual hashes of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from . import tables
from .database import Database
from .vector_codec import batched

_images = tables.images.c


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

    def perceptual_hashes(self, image_ids: Sequence[int]) -> dict[int, int]:
        """Return the hashes of those images that have one, by id; see `perceptual_hash`."""
        query = sa.select(_images.id, _images.perceptual_hash).where(_images.perceptual_hash.is_not(None))
        with self._database.reading() as connection:
            return {
                image_id: found
                for part in batched(image_ids)
                for image_id, found in connection.execute(query.where(_images.id.in_(part)))
            }
