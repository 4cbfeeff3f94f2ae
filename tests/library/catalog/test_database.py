"""The connection to a database: whatever is wrong with it is one line that says what, where and what to do."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from photoseek.library.catalog import database as database_module
from photoseek.library.catalog import tables
from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.database import Database
from photoseek.library.errors import CatalogUnavailable, PhotoseekError, SettingsError
from photoseek.tests.support.changes import indexed

SECRET = "hunter2"


def complaint(action: Callable[[], object]) -> str:
    """The one line that `action` fails with."""
    with pytest.raises(PhotoseekError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    assert "sqlalche.me" not in message
    assert "[SQL" not in message
    return message


def write(database: Database) -> None:
    with database.writing():
        pass


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """A SQLite catalogue that nobody has open."""
    path = tmp_path / "catalog.sqlite"
    database = Database.in_file(path)
    database.create()
    database.close()
    return path


# The URL


@pytest.mark.parametrize(
    "url",
    ["nonsense", "", "/home/me/catalog", f"postgresql+psycopg://me:{SECRET}", f"me:{SECRET}@host/name"],
)
def test_what_is_no_url_is_refused_without_repeating_its_password(url: str) -> None:
    message = complaint(lambda: Database(url))
    assert message == "catalog: is no database URL such as postgresql+psycopg://USER@HOST/NAME"


@pytest.mark.parametrize("kind", ["mysql", "oracle+cx_oracle", "foo"])
def test_another_kind_of_database_is_refused_by_name(kind: str) -> None:
    with pytest.raises(SettingsError, match=f"{kind.partition('+')[0]} is not supported; use postgresql"):
        Database(f"{kind}://me:{SECRET}@host/name")


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_uses_the_driver_we_ask_for(kind: str) -> None:
    pytest.importorskip("psycopg")
    database = Database(f"{kind}://me:{SECRET}@host:5432/name?sslpassword={SECRET}")
    assert database.location == "postgresql+psycopg://me:***@host:5432/name"


def test_a_socket_belongs_to_the_location_and_a_password_among_the_parameters_does_not() -> None:
    pytest.importorskip("psycopg")
    database = Database(f"postgresql:///name?host=localhost&password={SECRET}&user=me")
    assert database.location == "postgresql+psycopg:///name?host=localhost"


def test_a_missing_driver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = complaint(lambda: Database(f"postgresql://me:{SECRET}@host/name"))
    assert message.startswith("the catalogue postgresql+psycopg://me:***@host/name cannot be used: the driver psycopg")
    assert message.endswith("is missing; install it with pip install 'photoseek[postgres]'")


# SQLite


@pytest.mark.parametrize("name", ["plain", "a b", "50%", "what?", "a#b", "Zoë", "file:x", "q'uote"])
def test_a_library_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database.in_file(folder / "catalog.sqlite")
    database.create()
    database.close()
    assert (folder / "catalog.sqlite").stat().st_size > 0
    assert database.location == str(folder / "catalog.sqlite")


def test_sqlite_is_set_up_for_readers_beside_a_writer(sqlite_file: Path) -> None:
    database = Database.in_file(sqlite_file)
    with database.reading() as connection:
        names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    database.close()
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 1}


def test_a_creation_that_breaks_in_the_middle_leaves_no_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database._engine.begin() as connection:
        tables.metadata.drop_all(connection)
    dialect = database._engine.dialect.name
    some = database_module.schema_statements(dialect)[:5]
    monkeypatch.setattr(database_module, "schema_statements", lambda _dialect: [*some, "CREATE TABLE broken ("])
    complaint(database.create)
    assert not database.exists()
    assert sa.inspect(database._engine).get_table_names() == []
    monkeypatch.undo()
    database.create()
    assert database.meta().change_seq == 0


def test_a_locked_file_says_that_another_process_holds_it(sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_BUSY_TIMEOUT_MS", 10)
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = Database.in_file(sqlite_file)
    message = complaint(lambda: write(database))
    assert database.meta().change_seq == 0  # readers go on
    other.execute("ROLLBACK")
    other.close()
    write(database)
    assert database.meta().change_seq == 1
    database.close()
    expected = "another process holds its lock; end that one, or try again"
    assert message == f"the catalogue {sqlite_file} cannot be used: {expected}"


def test_a_read_only_database_says_so(sqlite_file: Path) -> None:
    """Told to SQLite by a pragma, since file permissions do not bind every user who runs the tests."""
    database = Database.in_file(sqlite_file)
    sa.event.listen(database._engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    message = complaint(lambda: write(database))
    assert database.meta().change_seq == 0
    database.close()
    assert message.endswith("it is read-only; make it writable and run again")


def test_a_folder_in_the_files_place_cannot_be_opened(tmp_path: Path) -> None:
    message = complaint(Database.in_file(tmp_path).meta)
    assert message.startswith(f"the catalogue {tmp_path} cannot be used: it cannot be opened; check that the folder")


def test_a_file_that_is_not_a_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 1000)
    assert "it is not a SQLite database; restore it" in complaint(Database.in_file(path).meta)
    assert path.read_bytes() == b"\x89PNG\r\n\x1a\n" * 1000


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_a_truncated_database_is_called_damaged(sqlite_file: Path, share: float) -> None:
    data = sqlite_file.read_bytes()
    sqlite_file.write_bytes(data[: int(len(data) * share)])
    assert "the file is damaged; restore it from a backup, or delete it" in complaint(
        Database.in_file(sqlite_file).meta
    )


def test_an_empty_file_holds_no_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.touch()
    database = Database.in_file(path)
    assert not database.exists()
    assert "it holds no catalogue, or half of one" in complaint(database.meta)
    database.close()


def test_a_full_disk_says_that_nothing_is_lost(sqlite_file: Path) -> None:
    """A limit on the number of pages is a disk that is full, as far as SQLite is concerned."""
    database = Database.in_file(sqlite_file)
    sa.event.listen(database._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1"))

    def fill() -> None:
        with database.writing() as (connection, _):
            connection.exec_driver_sql("CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler")

    message = complaint(fill)
    assert database.meta().change_seq == 0
    database.close()
    assert "the disk is full; free some space and run again, nothing written so far is lost" in message


# Both


def test_another_programs_table_of_the_same_name_is_no_catalogue(database_url: sa.URL) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE meta (colour TEXT)")
    engine.dispose()
    database = Database(database_url)
    assert "it holds no catalogue, or half of one; choose another --library" in complaint(database.meta)
    database.close()


def test_a_database_without_tables_holds_no_catalogue(database_url: sa.URL) -> None:
    database = Database(database_url)
    assert not database.exists()
    assert "it holds no catalogue, or half of one; choose another --library" in complaint(database.meta)
    database.create()
    assert database.exists()
    database.close()


def test_an_empty_meta_table_says_what_to_do(database: Database) -> None:
    with database._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM meta")
    assert "its meta table is empty; restore it from a backup" in complaint(database.meta)


def test_what_no_rule_foresees_is_told_in_its_first_line(database: Database) -> None:
    def nonsense() -> None:
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT\nFROM WHERE")

    assert complaint(nonsense).endswith("; check the database, then run again")


def test_an_error_of_our_own_comes_through_as_it_is(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing():
        raise ZeroDivisionError
    assert database.meta().change_seq == 0


# PostgreSQL


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "nowhere"}, "its server has no such database; make it with createdb"),
        ({"username": "nobody", "password": SECRET}, "its server refuses the login; correct `catalog`"),
        ({"query": {"host": "/nowhere"}}, "its server does not answer; start it, or correct `catalog`"),
        ({"query": {}, "host": "127.0.0.1", "port": 1}, "its server does not answer; start it, or correct `catalog`"),
        ({"query": {"colour": "red"}}, "its URL has a parameter nobody knows; correct `catalog`"),
    ],
)
def test_a_server_that_cannot_be_used_says_what_to_correct(
    postgresql_url: sa.URL, change: dict[str, object], reason: str
) -> None:
    url = postgresql_url.set(**change)  # type: ignore[arg-type]  # a table of keyword arguments
    database = Database(url)
    with pytest.raises(CatalogUnavailable) as caught:
        database.exists()
    assert caught.value.reason.startswith(reason)
    assert complaint(database.exists).startswith("the catalogue postgresql+psycopg://")


def test_a_user_without_rights_is_told_so(postgresql_url: sa.URL) -> None:
    owner = Database(postgresql_url)
    owner.create()
    engine = sa.create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
    guest = Database(postgresql_url.set(username="guest"))
    message = complaint(guest.meta)
    guest.close()
    owner.close()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE guest")
    engine.dispose()
    assert "its server lets this user do too little; have the owner grant the rights" in message


def test_a_connection_that_the_server_closed_is_replaced(postgresql_url: sa.URL) -> None:
    database = Database(postgresql_url)
    database.create()
    assert database.meta().change_seq == 0
    server = sa.create_engine(postgresql_url.set(database="postgres"))
    with server.begin() as connection:
        query = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        assert connection.execute(query, {"name": postgresql_url.database}).all()
    server.dispose()
    assert database.meta().change_seq == 0
    database.close()


def test_rows_that_another_process_wrote_meanwhile_are_told_of_in_words(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([indexed("/photos/a.png")], model.id)  # as a run of another machine, planned before this one
    with pytest.raises(CatalogUnavailable) as caught:
        catalog.apply([indexed("/photos/b.png"), indexed("/photos/a.png")], model.id)
    assert caught.value.reason == (
        "another process wrote the same rows meanwhile; run one at a time (index --wait); what was written stays"
    )
    assert catalog.counts().images == 1  # all of a transaction, or none
