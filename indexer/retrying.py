"""Which recorded failures may be over though their files have not changed: what failed was not the file."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from ..library.catalog.changes import KnownFailure
from ..library.images.archives import split_member

_MOST_TRIES: Final = 3
"""So often a file is given its time and memory before it is believed to need more than there is."""

_BUSY: Final = ("took longer than", "needed more than", "changed while it was being read")
_UNREAD: Final = "cannot be read: "
_CODECS: Final = {"photoseek[heif]": "pillow_heif", "photoseek[raw]": "rawpy"}
"""What a reason names that lacks a decoder, and the module that has it."""


def has_passed(failure: KnownFailure, path: str) -> bool:
    """Whether to try a file again that is as it was when it failed: it can be read now, or a decoder was installed.

    One that took too long, or too much memory, may have met a busy machine: it is tried three times in all.
    """
    if failure.reason.startswith(_UNREAD):
        return _opens(path)
    if failure.reason.startswith(_BUSY):
        return failure.tries < _MOST_TRIES
    return any(extra in failure.reason and find_spec(module) is not None for extra, module in _CODECS.items())


def _opens(path: str) -> bool:
    member = split_member(path)
    try:
        with open(path if member is None else member[0], "rb") as stream:  # noqa: PTH123 - paths are plain strings here
            stream.read(1)
    except OSError:
        return False
    return True
