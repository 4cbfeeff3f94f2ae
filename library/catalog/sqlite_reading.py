"""Reads a SQLite catalogue that is not, or may not be, written: no file is made or changed beside it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final, TypeAlias

from .distance import add_functions

_WAIT_S: Final = 2.0
"""How long a writer that is just opening or closing the catalogue is waited for."""

_PAUSE_S: Final = 0.02

_State: TypeAlias = tuple[int, int, int]


class _Unlocked(sqlite3.Connection):
    """A connection that takes no locks; `state` is the file's as it was opened."""

    state: _State = (0, 0, 0)


class ReadOnlyFile:
    """A SQLite file in WAL mode, for reading alone. Thread-safe.

    SQLite reads such a file with the help of two others, the log and its index, which it makes where they are not
    there. Whoever may not make them has two ways (https://www.sqlite.org/wal.html#read_only_databases). Where there is
    a log with something in it, somebody writes or has been killed: it is read along, by its index. Otherwise all is in
    the file itself, which is then read without locks, as `immutable`; `was_changed` tells when that was too bold.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._log = self._path.with_name(f"{self._path.name}-wal")

    def connect(self) -> sqlite3.Connection:
        """Return a new connection inside a transaction: all it reads is of one moment.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        give_up_s = time.monotonic() + _WAIT_S
        while True:
            has_log = _size_bytes(self._log) > 0
            connection = self._opened("mode=ro&readonly_shm=1") if has_log else self._opened("mode=ro&immutable=1")
            try:
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error:
                connection.close()
                # Between the look at the log and the opening, it may have come or gone.
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return connection

    def was_changed(self, connection: object) -> bool:
        """Whether what `connection` read without locks may be of several moments."""
        return isinstance(connection, _Unlocked) and connection.state != self._state()

    def lacks_index(self) -> bool:
        """Whether there is a log without its index, which only those who may write can make again."""
        return _size_bytes(self._log) > 0 and not self._log.with_name(f"{self._path.name}-shm").exists()

    def _opened(self, parameters: str) -> sqlite3.Connection:
        state = self._state()
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?{parameters}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            factory=_Unlocked if "immutable" in parameters else sqlite3.Connection,
        )
        add_functions(connection)
        if isinstance(connection, _Unlocked):
            connection.state = state
        return connection

    def _state(self) -> _State:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return status.st_ino, status.st_size, status.st_mtime_ns


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
