"""How much visitors may have the server hold: files and bytes, by session and in all, on their way included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias

from .. import PhotoseekError

MOST_FILES: Final = 8
MOST_SESSION_BYTES: Final = 80 << 20
MOST_BYTES: Final = 256 << 20

Sizes: TypeAlias = Mapping[tuple[str, str], int]
"""Bytes by session and file."""


class TooMuch(PhotoseekError):
    """A file that there is no room for."""


class Allowance:
    """Counts what is kept, as `kept` tells it, and what is on its way. For one event loop."""

    def __init__(self, kept: Callable[[], Sizes]) -> None:
        self._kept = kept
        self._coming: dict[tuple[str, str], int] = {}

    @contextmanager
    def room(self, session: str, file: str, size_bytes: int) -> Iterator[None]:
        """Hold room for a file while it comes in; one of the same name makes place for it.

        Raises:
            TooMuch: there is none, or this very file is coming in already.
        """
        key = (session, file)
        if key in self._coming:
            raise TooMuch("this file is being sent already")
        held = {**self._kept(), **self._coming, key: size_bytes}
        of_session = [size for (owner, _), size in held.items() if owner == session]
        if len(of_session) > MOST_FILES or sum(of_session) > MOST_SESSION_BYTES:
            raise TooMuch(f"one visit may bring {MOST_FILES} files, and {MOST_SESSION_BYTES >> 20} MB in all")
        if sum(held.values()) > MOST_BYTES:
            raise TooMuch("too much is being brought at the moment: try again in a minute")
        self._coming[key] = size_bytes
        try:
            yield
        finally:
            del self._coming[key]
