"""How rows leave the catalogue for good, inside the transaction of the caller, so that readers notice."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from ..types import Removed
from . import tables
from .places import stale_places

_images = tables.images.c
_failures = tables.failures.c
_deletions = tables.deletions.c


def delete_images(connection: sa.Connection, which: sa.ColumnElement[bool], change_seq: int) -> int:
    """Delete the images that fulfil `which`, with all that belongs to them, and return how many there were.

    A row in `deletions` tells readers of older generations to leave each of them out.
    """
    noted = sa.select(_images.id, sa.literal(change_seq)).where(which)
    connection.execute(sa.insert(tables.deletions).from_select(["image_id", "change_seq"], noted))
    return connection.execute(sa.delete(tables.images).where(which)).rowcount


def delete_archives(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Delete what is known of the archives that fulfil `which`: they are opened again when they are met again."""
    connection.execute(sa.delete(tables.archives).where(which))


def delete_failures(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Delete the ledger's rows that fulfil `which` and return how many there were."""
    return connection.execute(sa.delete(tables.failures).where(which)).rowcount


def delete_missing(connection: sa.Connection, before: datetime, change_seq: int) -> Removed:
    """Delete the images whose files have been missing since `before`, in UTC, or longer, and their failures."""
    which = _images.missing_since.is_not(None) & (_images.missing_since <= before)
    paths = sa.select(_images.path).where(which)
    failures = delete_failures(connection, _failures.path.in_(paths))
    return Removed(delete_images(connection, which, change_seq), failures)


def delete_stale_judgements(connection: sa.Connection) -> None:
    """Delete the answers about pictures that no image shows any more."""
    judgements = tables.judgements.c
    shown = sa.exists().where(_images.content_hash == judgements.content_hash)
    connection.execute(sa.delete(tables.judgements).where(~shown))


def delete_stale_places(connection: sa.Connection) -> None:
    """Delete what was kept of pictures that no image shows any more."""
    if sa.inspect(connection).has_table(tables.places.name):  # libraries made before have no such table
        connection.execute(sa.delete(tables.places).where(stale_places()))


def delete_seen_deletions(connection: sa.Connection) -> None:
    """Delete the rows of `deletions` that every model's generation has been built without.

    Where a model has none yet, a reader may hold its vectors in memory since before a deletion: all are kept.
    """
    generations = tables.generations.c
    built = (
        sa.select(tables.models.c.id, sa.func.coalesce(sa.func.max(generations.change_seq), 0).label("change_seq"))
        .select_from(tables.models.outerjoin(tables.generations))
        .group_by(tables.models.c.id)
    )
    reached = [row.change_seq for row in connection.execute(built)]
    if reached:
        connection.execute(sa.delete(tables.deletions).where(_deletions.change_seq <= min(reached)))
