"""schema.sql, as each database executes it, is what the tables in Python say it is, and every part is explained."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql

from photoseek.library.catalog import tables
from photoseek.library.catalog.database import SCHEMA_VERSION, Database, schema_statements
from photoseek.library.errors import LibraryTooNew

SCHEMA = Path(__file__).parents[3] / "schema.sql"
EVERY_TABLE = sorted(tables.metadata.tables)


@pytest.fixture
def inspector(database: Database) -> sa.Inspector:
    return sa.inspect(database._engine)


def affinity(column_type: object) -> str:
    """Put a type in one of the few classes that both databases tell apart."""
    match column_type:
        case sa.types.TypeDecorator():
            return affinity(column_type.impl_instance)
        case sa.types.Integer():
            return "integer"
        case sa.types.Float():
            return "float"
        case sa.types.DateTime():
            return "moment"
        case sa.types.LargeBinary() | sa.dialects.postgresql.BYTEA():
            return "bytes"
        case sa.types.String():
            return "text"
    message = f"{column_type!r} is of no class"
    raise TypeError(message)


def test_the_database_holds_these_tables_and_no_others(inspector: sa.Inspector) -> None:
    assert sorted(inspector.get_table_names()) == EVERY_TABLE


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_columns_are_the_same_in_order_type_and_nullability(inspector: sa.Inspector, name: str) -> None:
    rowid_alias = tables.metadata.tables[name].autoincrement_column
    found = [
        # SQLite says that such a column may be null; it puts the next id there instead.
        (
            column["name"],
            affinity(column["type"]),
            column["nullable"] and column["name"] != getattr(rowid_alias, "name", ""),
        )
        for column in inspector.get_columns(name)
    ]
    expected = [
        (column.name, affinity(column.type), column.nullable) for column in tables.metadata.tables[name].columns
    ]
    assert found == expected


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_primary_keys_are_the_same(inspector: sa.Inspector, name: str) -> None:
    found = inspector.get_pk_constraint(name)["constrained_columns"]
    assert found == [column.name for column in tables.metadata.tables[name].primary_key.columns]


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_indexes_are_the_same(inspector: sa.Inspector, name: str) -> None:
    found = {
        (index["name"], tuple(index["column_names"]), bool(index["unique"])) for index in inspector.get_indexes(name)
    }
    expected = {
        (index.name, tuple(column.name for column in index.columns), index.unique)
        for index in tables.metadata.tables[name].indexes
    }
    assert found == expected
    assert inspector.get_unique_constraints(name) == []


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_foreign_keys_are_the_same_and_so_is_what_deleting_does(
    inspector: sa.Inspector, database: Database, name: str
) -> None:
    found: set[tuple[object, ...]]
    if inspector.dialect.name == "sqlite":
        with database.reading() as connection:
            rows = connection.exec_driver_sql(f"PRAGMA foreign_key_list({name})").mappings().all()
        found = {(row["from"], row["table"], row["to"], row["on_delete"]) for row in rows}
    else:
        found = {
            (
                *key["constrained_columns"],
                key["referred_table"],
                *key["referred_columns"],
                key["options"].get("ondelete"),
            )
            for key in inspector.get_foreign_keys(name)
        }
    expected = {
        (key.parent.name, key.column.table.name, key.column.name, key.ondelete)
        for key in tables.metadata.tables[name].foreign_keys
    }
    assert found == expected


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_checks_are_the_same(inspector: sa.Inspector, name: str) -> None:
    found = {str(check["sqltext"]).strip("()") for check in inspector.get_check_constraints(name)}
    table = tables.metadata.tables[name]
    constraints = set(table.constraints).union(*(column.constraints for column in table.columns))
    assert found == {str(check.sqltext) for check in constraints if isinstance(check, sa.CheckConstraint)}


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_ids_are_given_by_the_database_where_the_tables_say_so(
    inspector: sa.Inspector, database: Database, name: str
) -> None:
    table = tables.metadata.tables[name]
    if inspector.dialect.name == "sqlite":
        with database.reading() as connection:
            query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
            given = "AUTOINCREMENT" in connection.execute(query, {"name": name}).scalar_one()
    else:
        given = any("identity" in column for column in inspector.get_columns(name))
    assert given == (table.primary_key.columns[0].autoincrement is True)


@pytest.mark.parametrize("name", ["images", "failures"])
def test_paths_sort_by_code_point_whatever_the_database_speaks(
    inspector: sa.Inspector, database: Database, name: str
) -> None:
    if inspector.dialect.name == "sqlite":
        with database.reading() as connection:
            query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
            assert "path           TEXT COLLATE BINARY" in connection.execute(query, {"name": name}).scalar_one()
    else:
        [path] = [column for column in inspector.get_columns(name) if column["name"] == "path"]
        assert isinstance(path["type"], sa.types.String)
        assert path["type"].collation == "C"


def test_whole_numbers_are_64_bits_wide(database: Database) -> None:
    with database.writing() as (connection, _):
        connection.execute(sa.update(tables.meta).values(change_seq=2**62))
    assert database.meta().change_seq == 2**62


def test_there_is_one_row_of_meta_and_no_second(database: Database) -> None:
    meta = database.meta()
    assert meta.schema_version == SCHEMA_VERSION
    assert re.fullmatch("[0-9a-f]{32}", meta.library_id)
    assert meta.change_seq == 0
    values = {"id": 2, "schema_version": 1, "library_id": "x", "change_seq": 0, "created_at": sa.func.now()}
    with pytest.raises(sa.exc.IntegrityError), database._engine.begin() as connection:
        connection.execute(sa.insert(tables.meta).values(values))


def test_two_libraries_have_different_ids(tmp_path: Path) -> None:
    databases = [Database.in_file(tmp_path / name) for name in ("a.sqlite", "b.sqlite")]
    for database in databases:
        database.create()
    assert databases[0].meta().library_id != databases[1].meta().library_id
    for database in databases:
        database.close()


def test_a_library_of_a_newer_photoseek_is_refused(database: Database, open_database: Callable[[], Database]) -> None:
    with database.writing() as (connection, _):
        connection.execute(sa.update(tables.meta).values(schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(LibraryTooNew) as caught:
        open_database().meta()
    assert (caught.value.found_version, caught.value.known_version) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    message = str(caught.value)
    assert message.startswith(f"{database.location} was made by a newer photoseek")
    assert "pip install -U photoseek" in message
    assert "\n" not in message


def test_the_text_without_its_comments_is_what_sqlite_executes() -> None:
    """Stripping comments must not change the schema, as it would if a `--` stood inside a text."""

    def schema(script: str) -> list[tuple[str, str, str]]:
        connection = sqlite3.connect(":memory:")
        connection.executescript(script)
        [*rows] = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master ORDER BY name")
        connection.close()
        return [(name, table, re.sub(r"\s+", " ", re.sub(r"--.*", "", sql or ""))) for name, table, sql in rows]

    assert schema(SCHEMA.read_text(encoding="utf-8")) == schema(";".join(schema_statements("sqlite")))


def test_every_word_of_sqlite_alone_is_exchanged_for_postgresql() -> None:
    text = "\n".join(schema_statements("postgresql"))
    assert not re.search(r"\b(INTEGER|AUTOINCREMENT|REAL|BLOB|BINARY)\b", text)


def test_every_table_has_a_comment_above_it() -> None:
    lines = SCHEMA.read_text(encoding="utf-8").splitlines()
    created = [(number, line) for number, line in enumerate(lines) if line.startswith("CREATE TABLE")]
    assert sorted(line.split()[2] for _, line in created) == EVERY_TABLE
    assert [line for number, line in created if not lines[number - 1].startswith("-- ")] == []


def test_every_index_says_what_it_is_for() -> None:
    lines = SCHEMA.read_text(encoding="utf-8").splitlines()
    created = [line for line in lines if re.match(r"CREATE (UNIQUE )?INDEX", line)]
    assert [line for line in created if not re.search(r"; +-- \S", line)] == []
    every_index = {index.name for table in tables.metadata.tables.values() for index in table.indexes}
    assert {line.partition("INDEX ")[2].split()[0] for line in created} == every_index
