"""Where an image's bytes come from, a file of its own or a member of an archive: the one place that reads them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from ..errors import ImageUnreadable
from .archives import open_archive, read_member, split_member

_LATEST_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as the file system describes it, and the root under which it was found.

    `sidecars` describes the files beside it that tell of it, as `sidecars.state_of` does; empty when there are none.
    `offset` is where a member lies in its archive, None for a file of its own: the order in which it is read best, and
    nothing that makes it another file.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    sidecars: str = ""
    offset: int | None = field(default=None, compare=False)

    @classmethod
    def described(cls, path: str, root: str, status: os.stat_result, sidecars: str = "") -> FileState:
        """Return the file as `status` has it; a date past the year 2262 is taken for that year's, to fit SQL."""
        return cls(path, root, status.st_size, max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS)), sidecars)


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be indexed."""

    file: FileState
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileBytes:
    """A file's bytes, and the file as it was while they were read."""

    file: FileState
    data: bytes


def read_file(file: FileState, max_bytes: int) -> FileBytes | Failed:
    """Read a whole file that was found earlier; what is wrong with it is returned, not raised."""
    member = split_member(file.path)
    try:
        if member is not None:
            return _read_member(file, member, max_bytes)
        with Path(file.path).open("rb") as stream:
            # The file as read is what is recorded: it may have changed since it was found.
            file = _as_now(file, stream)
            if file.size_bytes > max_bytes:
                return Failed(file, "read", f"its {file.size_bytes:,} bytes are over the limit")
            # One byte more than there should be: enough to see that a file grows, whatever its length becomes.
            data = stream.read(file.size_bytes + 1)
            if len(data) != file.size_bytes or _as_now(file, stream) != file:
                return Failed(file, "read", "changed while it was being read")
    except OSError as error:
        return Failed(file, "read", f"cannot be read: {error.strerror or error}")
    return FileBytes(file, data)


def read_bytes(path: str, max_bytes: int, *, reader: str = "") -> bytes:
    """Return the bytes of a file or member; `reader` as in `open_archive`.

    Raises:
        OSError: it cannot be read.
        ImageUnreadable: it is no regular file, larger than `max_bytes`, or an archive's damaged member.
    """
    member = split_member(path)
    if member is not None:
        return read_member(*member, max_bytes, reader=reader)
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe waits for ever, reading a device may never end
        raise ImageUnreadable(path, "not a regular file")
    with Path(path).open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageUnreadable(path, f"its bytes are over the limit of {max_bytes:,}")
    return data


def exists(path: str) -> bool:
    """Whether there is something at this path; of a member, whether its archive is there."""
    member = split_member(path)
    return os.path.lexists(path if member is None else member[0])


def _read_member(file: FileState, member: tuple[str, str], max_bytes: int) -> FileBytes | Failed:
    try:
        archive = open_archive(member[0])
        data = archive.read(member[1], max_bytes)
    except ImageUnreadable as error:
        return Failed(file, "read", error.reason)
    dated = FileState.described(file.path, file.root, archive.status, file.sidecars)
    return FileBytes(replace(dated, size_bytes=len(data)), data)


def _as_now(file: FileState, stream: BinaryIO) -> FileState:
    return FileState.described(file.path, file.root, os.fstat(stream.fileno()), file.sidecars)
