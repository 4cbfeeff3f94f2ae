"""What a model saw at the places of pictures, in SQL: kept as they are indexed, so that a judge need not look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from . import tables
from .database import Database
from .vector_codec import batched

_rows = tables.places.c
_images = tables.images.c


class PlaceCatalog:
    """The places of one library's pictures, by their content: copies share them. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kept(self, model_id: int, version: str, content_hashes: Sequence[str]) -> dict[str, bytes]:
        """Return what a version of a model's places kept of those of these pictures, by content hash."""
        query = sa.select(_rows.content_hash, _rows.data).where(_rows.model_id == model_id, _rows.version == version)
        with self._database.reading() as connection:
            if not sa.inspect(connection).has_table(tables.places.name):
                return {}  # nothing was indexed since libraries have this table
            return {
                name: bytes(data)
                for part in batched(content_hashes)
                for name, data in connection.execute(query.where(_rows.content_hash.in_(part)))
            }

    def held(self) -> dict[int, tuple[int, int]]:
        """Return of how many pictures the places are kept, and in how many bytes, by model id."""
        size_bytes = sa.func.sum(sa.func.length(_rows.data))
        query = sa.select(_rows.model_id, sa.func.count(), size_bytes).group_by(_rows.model_id)
        with self._database.reading() as connection:
            if not sa.inspect(connection).has_table(tables.places.name):
                return {}
            return {int(model_id): (int(count), int(total)) for model_id, count, total in connection.execute(query)}

    def forget(self, model_id: int) -> None:
        """Forget what is kept for a model: its judge looks at the files again."""
        with self._database.noting() as connection:
            connection.execute(sa.delete(tables.places).where(_rows.model_id == model_id))


def write_places(connection: sa.Connection, model_id: int, version: str, rows: Mapping[str, bytes]) -> None:
    """Keep `rows`, by content hash, in place of what was kept of these pictures before."""
    if not rows:
        return
    for part in batched(list(rows)):
        stale = sa.and_(_rows.model_id == model_id, _rows.content_hash.in_(part))
        connection.execute(sa.delete(tables.places).where(stale))
    values = [
        {"content_hash": name, "model_id": model_id, "version": version, "data": data} for name, data in rows.items()
    ]
    connection.execute(sa.insert(tables.places), values)


def stale_places() -> sa.ColumnElement[bool]:
    """What was kept of pictures that no image of the library shows any more."""
    return ~sa.exists().where(_images.content_hash == _rows.content_hash)
