"""Paths as people give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from .errors import EmptyPath

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


def is_blank(given: StrPath) -> bool:
    """Whether a path is empty, or nothing but blanks."""
    return not os.fspath(given).strip()
