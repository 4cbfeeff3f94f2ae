"""What a database's driver says is wrong, in a line for people, and whether it will pass."""

from __future__ import annotations

import re

import sqlalchemy as sa

_CORRECT_URL = "correct `catalog` in the library's library.toml"
_NOT_A_CATALOGUE = "it holds no catalogue, or half of one; choose another --library"

# By a sign in a driver's words: what it means, and what to do.
_REASONS = (
    (r"database is locked", "another process holds its lock; end that one, or try again"),
    (r"readonly database|read-only transaction", "it is read-only; make it writable and run again"),
    (r"unable to open database file", "it cannot be opened; check that the folder exists and may be written"),
    (r"disk is full|No space left", "the disk is full; free some space and run again, nothing written so far is lost"),
    (r"file is not a database", "it is not a SQLite database; restore it from a backup, or choose another --library"),
    (r"malformed", "the file is damaged; restore it from a backup, or delete it and index again"),
    (r"disk I/O error", "the disk reports an error; check the disk, then run again"),
    (r"no such (table|column)", _NOT_A_CATALOGUE),
    (r"(relation|column) .* does not exist|relation .* already exists", _NOT_A_CATALOGUE),
    (r'database ".*" does not exist', f"its server has no such database; make it with createdb, or {_CORRECT_URL}"),
    (r'role ".*" does not exist|authentication failed|no password', f"its server refuses the login; {_CORRECT_URL}"),
    (r"invalid connection option", f"its URL has a parameter nobody knows; {_CORRECT_URL}"),
    (r"failed to resolve host", f"its server's name is not known here; {_CORRECT_URL}"),
    (r"refused|No such file|timeout expired|unreachable", f"its server does not answer; start it, or {_CORRECT_URL}"),
    (
        r"permission denied|must be owner",
        "its server lets this user do too little; have the owner grant the rights to its tables",
    ),
    (
        r"duplicate key value|UNIQUE constraint failed",
        "another process wrote the same rows meanwhile; run one at a time (index --wait); what was written stays",
    ),
    (
        r"terminating connection|closed the connection|connection is lost|shutting down",
        "its server closed the connection; run again, nothing written so far is lost",
    ),
)

# What a server says, or the system of it, that is being restarted.
_RESTARTING = re.compile(
    "refused|No such file|terminating connection|closed the connection|connection is lost|shutting down|starting up"
    "|accepting connections|reset by peer|Broken pipe|EOF detected"
)


def is_restart(error: sa.exc.DBAPIError) -> bool:
    """Whether a server that is being restarted would say so."""
    return _RESTARTING.search(str(error.orig)) is not None


def reason_of(error: sa.exc.DBAPIError) -> str:
    """Return one line for people out of a driver's words."""
    words = str(error.orig)
    for sign, reason in _REASONS:
        if re.search(sign, words):
            return reason
    first_line = next(iter(words.splitlines()), type(error.orig).__name__)
    return f"{first_line}; check the database, then run again"
