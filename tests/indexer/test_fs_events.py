"""What is said where the system will not tell of changes."""

from __future__ import annotations

import errno
import os

import pytest

from photoseek.indexer.fs_events import SystemEvents

observers = pytest.importorskip("watchdog.observers", reason="watching is not tested: watchdog is not installed")

LIMITS = "the system's limit on watched folders is reached (on Linux, raise fs.inotify.max_user_watches)"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, LIMITS),
        (errno.EMFILE, LIMITS),
        (errno.EACCES, "/photos cannot be watched: Permission denied"),
    ],
)
def test_a_refusal_says_what_would_help(monkeypatch: pytest.MonkeyPatch, number: int, reason: str) -> None:
    class Refusing:
        def schedule(self, *_what: object, recursive: bool) -> None:
            raise OSError(number, os.strerror(number))

        def is_alive(self) -> bool:
            return False

    monkeypatch.setattr(observers, "Observer", Refusing)
    events = SystemEvents()
    assert events.attend("/photos") == reason
    assert not events.is_attending("/photos")
    events.close()
