"""Paths as people give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

StrPath: TypeAlias = str | os.PathLike[str]


def expanded(given: StrPath) -> Path:
    """Return `given` with a leading `~` replaced by the user's home.

    Unlike `Path.expanduser`, this leaves the name of an unknown user as it is: a file may be called so.
    """
    return Path(os.path.expanduser(given))  # noqa: PTH111
