"""The lock that lets one process at a time write to a library; readers never take it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import LibraryError, LibraryLocked

_FILE_NAME = "writer.lock"
# The lock's own file is truncated by whoever tries to take it, so the owner's name is kept beside it.
_OWNER_NAME = "writer.owner"

_POLL_S = 0.2


@contextmanager
def writing_lock(folder: Path, purpose: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the library in `folder` for writing; released by the system when the process dies.

    While another process holds it, it is waited for up to `wait_s` seconds.

    Raises:
        LibraryLocked: another process holds it; the error names it.
        LibraryError: nothing can be written in `folder`.
    """
    import filelock  # by those who write: a search, which never does, starts the sooner

    lock = filelock.FileLock(folder / _FILE_NAME)
    owner = folder / _OWNER_NAME
    try:
        lock.acquire(timeout=wait_s, poll_interval=_POLL_S)
    except filelock.Timeout as error:
        raise LibraryLocked(folder, _read_owner(owner)) from error
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror or error}; check its disk and permissions"
        raise LibraryError(message) from error
    try:
        # The name is a courtesy: on a full disk the lock holds without it.
        with suppress(OSError):
            owner.write_text(
                f"`photoseek {purpose}` (process {os.getpid()} on {socket.gethostname()})", encoding="utf-8"
            )
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def stale_owner(folder: Path) -> str | None:
    """Return the name that a killed process left on the lock; None when none is there, or its owner is alive.

    Nothing is changed, not even the lock's own file.
    """
    owner = folder / _OWNER_NAME
    if not owner.is_file() or _is_held(folder / _FILE_NAME):
        return None
    return _read_owner(owner) if owner.is_file() else None


def _is_held(file: Path) -> bool:
    """Whether a process holds the lock, or may well hold it."""
    if sys.platform == "win32":
        import filelock

        lock = filelock.FileLock(file)
        try:
            lock.acquire(blocking=False)
        except (filelock.Timeout, OSError):
            return True
        lock.release()
        return False
    import fcntl

    try:
        # The lock that filelock takes for itself alone is asked for as one among others, which needs no right to write.
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _read_owner(owner: Path) -> str:
    try:
        return owner.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
