"""How changes are written and how rows leave for good, inside the transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from ..clock import utc_now
from ..images.metadata.image_text import FILE_SOURCES, ImageText
from ..images.sources import Failed, FileState
from ..types import Removed, Vectors
from . import tables
from .changes import ArchiveListed, Change, FailureGone, Indexed, Relocated, Vanished
from .places import stale_places, write_places
from .texts import TextModel, sync_texts
from .vector_codec import batched, pack_vector

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


_embeddings = tables.embeddings.c
_texts = tables.texts.c
_FILE_COLUMNS = ("path", "root", "size_bytes", "mtime_ns")
_Kind = TypeVar("_Kind")


def write_changes(
    connection: sa.Connection,
    changes: Sequence[Change],
    model_id: int,
    change_seq: int,
    text_vectors: Mapping[str, Vectors],
) -> None:
    """Write `changes`; their rows carry `change_seq`. `text_vectors` are those of the changes' words, (dim,) each."""
    text_model = TextModel(model_id, text_vectors)
    # A moved file is found gone at its old path before it is found at its new one.
    _write_vanished(connection, _of(changes, Vanished), change_seq)
    _write_relocated(connection, _of(changes, Relocated), change_seq, text_model)
    _write_indexed(connection, _of(changes, Indexed), change_seq, text_model)
    _write_failed(connection, _of(changes, Failed))
    _forget_failures(connection, [change.path for change in _of(changes, FailureGone)])
    _write_listed(connection, _of(changes, ArchiveListed))


def _write_indexed(connection: sa.Connection, changes: list[Indexed], change_seq: int, text_model: TextModel) -> None:
    if not changes:
        return
    new = [change for change in changes if change.image_id is None]
    known = [change for change in changes if change.image_id is not None]
    vectors = {change.image_id: change.vector for change in known}
    texts = {change.image_id: change.texts for change in known if change.image_id is not None}
    if new:
        insert = sa.insert(tables.images).returning(_images.id, sort_by_parameter_order=True)
        rows = [_image_values(change) | {"change_seq": change_seq} for change in new]
        ids = connection.execute(insert, rows).scalars().all()
        vectors |= {image_id: change.vector for image_id, change in zip(ids, new, strict=True)}
        texts |= {image_id: change.texts for image_id, change in zip(ids, new, strict=True)}
    for change in known:
        # A row that was missing changes for every model, even when this one alone had not seen its content.
        values = _image_values(change) | {"change_seq": change_seq if change.content_changed else _if_back(change_seq)}
        connection.execute(sa.update(tables.images).where(_images.id == change.image_id).values(values))
        stale = _embeddings.image_id == change.image_id
        if change.content_changed:
            # What a captioner wrote of the picture before does not hold for this one.
            told = sa.and_(_texts.image_id == change.image_id, _texts.source.not_in(FILE_SOURCES))
            connection.execute(sa.delete(tables.texts).where(told))
        else:
            stale &= _embeddings.model_id == text_model.model_id
        connection.execute(sa.delete(tables.embeddings).where(stale))
    connection.execute(
        sa.insert(tables.embeddings),
        [
            {
                "image_id": image_id,
                "model_id": text_model.model_id,
                "vector": pack_vector(vector),
                "change_seq": change_seq,
            }
            for image_id, vector in vectors.items()
        ],
    )
    by_version: dict[str, dict[str, bytes]] = {}
    for change in changes:
        if change.places is not None:
            by_version.setdefault(change.places.version, {})[change.facts.content_hash] = change.places.data
    for version, places in by_version.items():
        write_places(connection, text_model.model_id, version, places)
    sync_texts(connection, texts, FILE_SOURCES, text_model, change_seq)
    _forget_failures(connection, [change.file.path for change in changes])


def _write_relocated(
    connection: sa.Connection, changes: list[Relocated], change_seq: int, text_model: TextModel
) -> None:
    retold: dict[int, tuple[ImageText, ...]] = {}
    for change in changes:
        values: dict[str, object] = _described(change.file)
        if change.sidecar is not None:
            retold[change.image_id] = change.sidecar.texts
            if change.sidecar.rating is not None:
                values["rating"] = change.sidecar.rating
        values |= {"missing_since": None, "change_seq": _if_back(change_seq)}
        connection.execute(sa.update(tables.images).where(_images.id == change.image_id).values(values))
    sync_texts(connection, retold, ("sidecar",), text_model, change_seq)
    _forget_failures(connection, [change.file.path for change in changes])


def _write_vanished(connection: sa.Connection, changes: list[Vanished], change_seq: int) -> None:
    gone = {"missing_since": utc_now(), "change_seq": change_seq}
    for part in batched([change.image_id for change in changes]):
        connection.execute(sa.update(tables.images).where(_images.id.in_(part)).values(gone))


def _write_failed(connection: sa.Connection, changes: list[Failed]) -> None:
    if not changes:
        return
    # A batch may hold an earlier failure of the same file.
    latest = {change.file.path: change for change in changes}
    tries: dict[str, int] = {}
    for part in batched(list(latest)):
        rows = connection.execute(sa.select(_failures.path, _failures.tries).where(_failures.path.in_(part)))
        tries |= {row.path: row.tries for row in rows}
    _forget_failures(connection, list(tries))
    connection.execute(
        sa.insert(tables.failures),
        [
            {name: getattr(change.file, name) for name in _FILE_COLUMNS}
            | {"stage": change.stage, "reason": change.reason}
            | {"tries": tries.get(path, 0) + 1, "last_tried_at": utc_now()}
            for path, change in latest.items()
        ],
    )


def _write_listed(connection: sa.Connection, changes: list[ArchiveListed]) -> None:
    for change in changes:
        file = change.file
        values = {"path": file.path, "size_bytes": file.size_bytes, "mtime_ns": file.mtime_ns, "images": change.images}
        connection.execute(sa.delete(tables.archives).where(tables.archives.c.path == file.path))
        connection.execute(sa.insert(tables.archives).values(values))


def _forget_failures(connection: sa.Connection, paths: Sequence[str]) -> None:
    for part in batched(paths):
        connection.execute(sa.delete(tables.failures).where(_failures.path.in_(part)))


def _if_back(change_seq: int) -> sa.ColumnElement[int]:
    """`change_seq` for a picture that was missing; for one that was there, what its row has."""
    return sa.case((_images.missing_since.is_not(None), change_seq), else_=_images.change_seq)


def _image_values(change: Indexed) -> dict[str, object]:
    values: dict[str, object] = _described(change.file)
    values |= {name: getattr(change.facts, name) for name in change.facts.__slots__}
    return values | {"missing_since": None, "indexed_at": utc_now()}


def _of(changes: Iterable[Change], kind: type[_Kind]) -> list[_Kind]:
    return [change for change in changes if isinstance(change, kind)]


def _described(file: FileState) -> dict[str, object]:
    """The columns that describe a file."""
    return {name: getattr(file, name) for name in file.__slots__ if name != "offset"}
