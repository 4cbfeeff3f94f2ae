"""Checks of the database itself: that its file is sound, and that it has the tables this photoseek expects."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa

from ..catalog import tables
from ..catalog.database import schema_statements
from .base import CheckContext, Finding

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
