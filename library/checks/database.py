"""Checks of the database: that its file is sound, its tables as expected, and its rows in accord with each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa

from ..catalog import tables
from ..catalog.database import schema_statements
from ..catalog.places import stale_places
from .base import CheckContext, Finding, counted

_RESTORE = "restore the catalogue from a backup, or delete it and index again"
_MOST_SHOWN = 3


def check_database_file(patient: CheckContext) -> Iterator[Finding]:
    """A SQLite file passes SQLite's own check; its indexes, which alone can be mended, are built again."""
    faults = _integrity_faults(patient)
    if not faults:
        return
    if patient.repair:
        with patient.database.reading() as connection:
            connection.exec_driver_sql("REINDEX")
            connection.commit()
    left = _integrity_faults(patient) if patient.repair else faults
    shown = "; ".join(faults[:_MOST_SHOWN])
    if left:
        advice = _RESTORE if patient.repair else f"--repair builds its indexes again; should that not do, {_RESTORE}"
        shown = f"{'; '.join(left[:_MOST_SHOWN])}: {advice}"
    yield Finding("database", shown, repaired=not left, by_hand=patient.repair and bool(left))


def check_schema(patient: CheckContext) -> Iterator[Finding]:
    """Every table, column and index of schema.sql is there; lost indexes and whole tables are made again."""
    with patient.database.reading() as connection:
        dialect, inspector = connection.dialect.name, sa.inspect(connection)
        statements = {_name(statement): statement for statement in schema_statements(dialect)}
        present = set(inspector.get_table_names())
        missing: list[str] = []
        wrong: list[str] = []
        for table in tables.metadata.sorted_tables:
            if table.name not in present:
                if table.name in tables.ADDED_LATER:
                    continue
                missing += [table.name, *(str(index.name) for index in table.indexes)]
                continue
            columns = {column["name"] for column in inspector.get_columns(table.name)}
            lost = [f"{table.name}.{column.name}" for column in table.columns if column.name not in columns]
            if lost:
                yield Finding("schema", f"the catalogue lacks {', '.join(lost)}: {_RESTORE}", by_hand=True)
                continue
            found = {
                each["name"]: (tuple(each["column_names"]), bool(each["unique"]))
                for each in inspector.get_indexes(table.name)
            }
            for index in table.indexes:
                expected = (tuple(column.name for column in index.columns), bool(index.unique))
                if index.name not in found:
                    missing.append(str(index.name))
                elif found[index.name] != expected:
                    wrong.append(str(index.name))
    for name in [*wrong, *missing]:
        if patient.repair:
            with patient.database.writing() as (connection, _):
                if name in wrong:
                    connection.exec_driver_sql(f"DROP INDEX {name}")
                connection.exec_driver_sql(statements[name])
        fault = "is not the one expected" if name in wrong else "is missing"
        yield Finding("schema", f"{name} {fault}", repaired=patient.repair)


def _integrity_faults(patient: CheckContext) -> list[str]:
    with patient.database.reading() as connection:
        if connection.dialect.name != "sqlite":
            return []
        rows = connection.exec_driver_sql("PRAGMA integrity_check(100)").scalars().all()
    return [str(row) for row in rows if row != "ok"]


def _name(statement: str) -> str:
    """The name of the table or index that a statement of schema.sql makes."""
    match = re.match(r"CREATE (?:UNIQUE )?(?:TABLE|INDEX) (\w+)", statement)
    return match[1] if match else ""


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
        if column.name == "change_seq" and table is not tables.meta
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
