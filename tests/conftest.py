"""Shared fixtures: an empty catalogue in each database that photoseek speaks."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.database import Database
from photoseek.library.telemetry import disable_telemetry
from photoseek.tests.support.album import album, album_library  # noqa: F401 - fixtures
from photoseek.tests.support.browser import (  # noqa: F401 - fixtures
    browser,
    guarded_server,
    new_page,
    page,
    red_loving_library,
    sample_library,
    sample_server,
)
from photoseek.tests.support.fakes import ColourEmbedder

_NUMBERS = itertools.count()

disable_telemetry()  # for the tests that import such packages themselves


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[sa.URL]:
    """The URL of a real PostgreSQL server, started for this run of the tests and removed after it."""
    pgserver = pytest.importorskip("pgserver", reason="PostgreSQL is not tested: pgserver is not installed")
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: psycopg is not installed")
    # Not under pytest's own folder, which the server's user may not enter when the tests run as root.
    with tempfile.TemporaryDirectory(prefix="photoseek-pg-", ignore_cleanup_errors=True) as folder:
        try:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"PostgreSQL is not tested: no server starts here: {error!r}")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # Nothing here outlives the run: no need to wait for the disk.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        engine.dispose()
        yield url
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: sa.URL) -> Iterator[sa.URL]:
    """The URL of an empty PostgreSQL database."""
    engine = sa.create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    name = f"test_{next(_NUMBERS)}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgresql_server.set(database=name)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> sa.URL:
    """The URL of a SQLite database that does not exist yet."""
    return sa.URL.create("sqlite", database=str(tmp_path / "catalog.sqlite"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> sa.URL:
    """The URL of an empty database, of each kind in turn."""
    url: sa.URL = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def open_database(database_url: sa.URL) -> Iterator[Callable[[], Database]]:
    """Open the test's database once more, as another process would."""
    opened: list[Database] = []

    def open_again() -> Database:
        opened.append(Database(database_url))
        return opened[-1]

    yield open_again
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    """A catalogue's database, created and empty."""
    created = open_database()
    created.create()
    return created


@pytest.fixture
def catalog(database: Database) -> Catalog:
    """An empty catalogue."""
    return Catalog(database)


@pytest.fixture
def model(catalog: Catalog) -> ModelRow:
    """The catalogue's first model, of three dimensions."""
    return catalog.ensure_model(ColourEmbedder().spec)


@pytest.fixture
def restartable_postgresql() -> Iterator[tuple[str, Callable[[str], None]]]:
    """The URL of a PostgreSQL server of the test's own, and what stops it as pg_ctl's mode says and starts it again."""
    pgserver = pytest.importorskip("pgserver", reason="PostgreSQL is not tested: pgserver is not installed")
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: psycopg is not installed")
    with tempfile.TemporaryDirectory(prefix="photoseek-pg-", ignore_cleanup_errors=True) as folder:
        try:
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"PostgreSQL is not tested: no server starts here: {error!r}")

        def restart(how: str) -> None:
            pgserver.pg_ctl(["-w", "-m", how, "stop"], pgdata=server.pgdata, user=server.system_user)
            server.ensure_postgres_running()

        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False), restart
        server.cleanup()
