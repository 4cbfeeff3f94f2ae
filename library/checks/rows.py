"""Checks of rows against each other: owners, change numbers, deletions, images without a vector."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from ..catalog import tables
from ..catalog.places import stale_places
from .base import CheckContext, Finding, counted

_images = tables.images.c
_embeddings = tables.embeddings.c
_places = tables.places.c


def check_owners(patient: CheckContext) -> Iterator[Finding]:
    """Every row that belongs to another has that other: databases can lose track when edited by hand."""
    with patient.database.reading() as connection:
        present = frozenset(sa.inspect(connection).get_table_names())
    for table in tables.metadata.sorted_tables:
        if table.name not in present:
            continue
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            is_orphan = key.parent.not_in(sa.select(key.column))
            count = _count(patient, table, is_orphan)
            if count:
                if patient.repair:
                    _delete(patient, table, is_orphan)
                detail = f"{counted(count, 'row')} of {table.name} without their row of {key.column.table.name}"
                yield Finding("owners", detail, repaired=patient.repair)


def check_change_numbers(patient: CheckContext) -> Iterator[Finding]:
    """No row carries a number of a transaction yet to come: readers would never be told of its change."""
    numbers = [
        column
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name in {"change_seq", "texts_seq"} and table is not tables.meta
    ]
    with patient.database.reading() as connection:
        now = connection.execute(sa.select(tables.meta.c.change_seq)).scalar_one()
        highest = max(connection.execute(sa.select(sa.func.max(number))).scalar() or 0 for number in numbers)
    if highest <= now:
        return
    if patient.repair:
        with patient.database.writing() as (connection, _):
            connection.execute(sa.update(tables.meta).values(change_seq=highest + 1))
    yield Finding("change numbers", f"rows are numbered up to {highest}, the count stands at {now}", patient.repair)


def check_deletions(patient: CheckContext) -> Iterator[Finding]:
    """What is noted as deleted is not there: ids are never used twice."""
    is_there = tables.deletions.c.image_id.in_(sa.select(_images.id))
    count = _count(patient, tables.deletions, is_there)
    if count:
        if patient.repair:
            _delete(patient, tables.deletions, is_there)
        yield Finding("deletions", f"{counted(count, 'image')} noted as deleted but there", patient.repair)


def check_embedded(patient: CheckContext) -> Iterator[Finding]:
    """Every image that is there has a vector: of some model at least, and better of all."""
    there = _images.missing_since.is_(None)
    none_at_all = _count(patient, tables.images, there & _images.id.not_in(sa.select(_embeddings.image_id)))
    if none_at_all:
        detail = f"{counted(none_at_all, 'image')} without a vector, which no search finds"
        yield Finding("vectors", f"{detail}: run `photoseek index` on their folders again")
    for model in patient.store.catalog.models():
        embedded = sa.select(_embeddings.image_id).where(_embeddings.model_id == model.id)
        partly = _count(patient, tables.images, there & _images.id.not_in(embedded)) - none_at_all
        if partly:
            detail = f"{counted(partly, 'image')} not yet indexed with {model.name}, but with another model"
            yield Finding("vectors", f"{detail}: `photoseek index --model {model.name}` adds them", harmless=True)


def check_places(patient: CheckContext) -> Iterator[Finding]:
    """What is kept of the places of pictures belongs to pictures that are there, and has the length of its kind."""
    with patient.database.reading() as connection:
        if not sa.inspect(connection).has_table(tables.places.name):
            return
        sizes = sa.select(_places.model_id, _places.version, sa.func.max(sa.func.length(_places.data)))
        longest = connection.execute(sizes.group_by(_places.model_id, _places.version)).all()
    cut = [
        (_places.model_id == model_id) & (_places.version == version) & (sa.func.length(_places.data) < size)
        for model_id, version, size in longest
    ]
    for which, told in ((sa.or_(sa.false(), *cut), "cut short"), (stale_places(), "that no image shows")):
        count = _count(patient, tables.places, which)
        if count:
            if patient.repair:
                _delete(patient, tables.places, which)
            detail = f"places of {counted(count, 'picture')} {told}: a rerank looks at the files instead"
            yield Finding("places", detail, patient.repair, harmless=True)


def _count(patient: CheckContext, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    with patient.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one())


def _delete(patient: CheckContext, table: sa.Table, which: sa.ColumnElement[bool]) -> None:
    with patient.database.writing() as (connection, _):
        connection.execute(sa.delete(table).where(which))
