"""Paths as the catalogue stores them: any name that a file system has, as text that any database takes, in order."""

from __future__ import annotations

import re

import sqlalchemy as sa

_MARK = "\ud7ff"
"""The last character before the surrogates, which Unicode has not assigned."""

_TO_STORE = re.compile("[\ud7ff-\udfff]")
_TO_RESTORE = re.compile(f"{_MARK}(.)", re.DOTALL)
_OFFSET = 0xD800 - 0x100


def stored(path: str) -> str:
    """Return a path without the lone surrogates in which Python keeps bytes that are no UTF-8; most are as they were.

    Stored paths sort as the paths do: a surrogate becomes the character before all of them and one of its own, in their
    order, and that character, where a name has it, comes before these.
    """
    if path.isascii():
        return path
    return _TO_STORE.sub(lambda one: _MARK + (chr(1) if one[0] == _MARK else chr(ord(one[0]) - _OFFSET)), path)


def restored(text: str) -> str:
    """Return the path that `stored` made `text` of."""
    if _MARK not in text:
        return text
    return _TO_RESTORE.sub(lambda one: _MARK if one[1] == chr(1) else chr(ord(one[1]) + _OFFSET), text)


class PathText(sa.TypeDecorator[str]):
    """A column of paths."""

    impl = sa.Text
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        """What its values are."""
        return str

    def process_bind_param(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Store a path, or compare with one."""
        return None if value is None else stored(value)

    def process_result_value(self, value: str | None, _dialect: sa.Dialect) -> str | None:
        """Read a path."""
        return None if value is None else restored(value)
