"""Paths as people give them, and files that are written whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from .errors import EmptyPath, ExportFailed

StrPath: TypeAlias = str | os.PathLike[str]


def may_write(path: StrPath) -> bool:
    """Whether this process may write the file, or make and remove files in the folder, at `path`, which is there."""
    wanted = os.W_OK | os.X_OK if os.path.isdir(path) else os.W_OK  # noqa: PTH112
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)


def expanded(given: StrPath) -> Path:
    """Return `given` with a leading `~` replaced by the user's home.

    Unlike `Path.expanduser`, this leaves the name of an unknown user as it is: a file may be called so.

    Raises:
        EmptyPath: it is empty or blank, which would else mean the current folder.
    """
    if is_blank(given):
        raise EmptyPath
    return Path(os.path.expanduser(given))  # noqa: PTH111


def absolute(given: StrPath) -> Path:
    """Return `given` as indexing writes paths: from the root on, without `..`, links left as they are.

    Raises:
        EmptyPath: it is empty or blank.
    """
    return Path(os.path.abspath(expanded(given)))  # noqa: PTH100 - Path.resolve would follow links


def is_blank(given: StrPath) -> bool:
    """Whether a path is empty, or nothing but blanks."""
    return not os.fspath(given).strip()


@contextmanager
def atomic_write(path: Path, *, replace: bool = True, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a stream whose bytes are found at `path` once the block has ended well; else `path` stays as it was.

    Args:
        path: the file, in a folder that is there.
        replace: whether a file that is there makes way.
        durable: whether the bytes are on the disk before they are named; a cache can do without.

    Raises:
        OSError: the place cannot be written to.
        ExportFailed: there is a file, even one made meanwhile, and not to `replace`.
    """
    unfinished = path.with_name(f".{uuid.uuid4().hex}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        _name(unfinished, path, replace=replace)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """Open a stream as `atomic_write` does, for a file that a person asked for.

    Raises:
        ExportFailed: the place cannot be written to, or there is a file, even one made meanwhile, and not to `replace`.
    """
    try:
        with atomic_write(path, replace=replace) as stream:
            yield stream
    except OSError as error:
        raise ExportFailed(path, error.strerror or str(error)) from error


def already_there(path: Path) -> ExportFailed:
    """Return the error of a file that is not to be replaced."""
    return ExportFailed(path, "there is such a file already", "choose another place, or add --force to replace it")


def _name(unfinished: Path, path: Path, *, replace: bool) -> None:
    if replace:
        unfinished.replace(path)
        return
    try:
        os.link(unfinished, path)  # unlike a renaming, it fails where there is a file
    except FileExistsError as error:
        raise already_there(path) from error
    except OSError as error:  # not every file system has links
        if os.path.lexists(path):
            raise already_there(path) from error
        unfinished.replace(path)
