"""Reads members of .zip and .tar files where they lie: nothing goes to disk, and no member larger than asked for."""

from __future__ import annotations

import lzma
import os
import re
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import IO, BinaryIO, Protocol, cast

from ..errors import ImageUnreadable
from .decompression import DecompressedStream, unpacker

MEMBER_MARK = "!/"
"""Stands between an archive's path and a member's name: `shard.tar!/0001.jpg`."""

_SUFFIX = r"\.(?:zip|tar|tar\.gz|tgz|tar\.bz2|tbz2?|tar\.xz|txz)"
_ARCHIVE_NAME = re.compile(_SUFFIX + "$", re.IGNORECASE)
_MEMBER_PATH = re.compile(rf"(?P<archive>.*?{_SUFFIX})!/(?P<name>.+)", re.IGNORECASE | re.DOTALL)

_MOST_UNPACKED_BYTES = 64 << 30
"""Read through in a compressed tar while looking for its members: minutes, where a bomb would take days."""

_LONGEST_HEADER_BYTES = 1 << 20
_OPEN_ARCHIVES = 4
_MAGIC_BYTES = 6
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
"""What the standard library raises on archives that are damaged, or were made to be."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, as its directory has it. `problem` says why it can't be read, or is None.

    `offset` is where it lies, in bytes of what the archive unpacks to: members are read fastest in that order.
    """

    name: str
    size_bytes: int
    problem: str | None = None
    offset: int = field(default=0, compare=False)


class Archive(Protocol):
    """An open archive. Thread-safe."""

    status: os.stat_result
    """The file as it was opened."""

    damage: str | None
    """Why the list of members is not whole, or None."""

    def members(self) -> list[Member]:
        """Return the files in it, each name once."""
        ...

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a member's bytes; see `read_member`."""
        ...


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is looked into."""
    return _ARCHIVE_NAME.search(name) is not None


def split_member(path: str) -> tuple[str, str] | None:
    """Split the path of a member into the archive's and the member's name; None for the path of a file of its own."""
    found = _MEMBER_PATH.fullmatch(path) if MEMBER_MARK in path else None
    # A folder may be named so: what is on the disk under its own path goes first.
    if found is None or os.path.isdir(found["archive"] + "!"):  # noqa: PTH112
        return None
    return found["archive"], found["name"]


def open_archive(path: str, *, reader: str = "") -> Archive:
    """Open an archive, or take it from the few kept open.

    Args:
        path: of the archive.
        reader: whoever goes through a compressed archive in an order of its own takes a name of its own, lest two send
            each other back to the start.

    Raises:
        OSError: the file cannot be read.
        ImageUnreadable: it is no archive.
    """
    status = os.stat(path)  # noqa: PTH116
    is_zip = path.lower().endswith(".zip")
    # The process belongs to the key: two that share an open file move each other's place in it.
    key = (path, status.st_size, status.st_mtime_ns, os.getpid())
    with _OPENING[hash(path) % len(_OPENING)]:  # two threads would both list it
        return _opened(*key, "" if is_zip else reader)


def read_member(path: str, name: str, max_bytes: int, *, reader: str = "") -> bytes:
    """Return the bytes of a member.

    Raises:
        FileNotFoundError: there is no such member.
        OSError: the archive cannot be read.
        ImageUnreadable: the member is damaged, encrypted or larger than `max_bytes`.
    """
    return open_archive(path, reader=reader).read(name, max_bytes)


_OPENING = tuple(threading.Lock() for _ in range(16))


@lru_cache(maxsize=_OPEN_ARCHIVES)
def _opened(path: str, size_bytes: int, mtime_ns: int, process: int, _reader: str) -> Archive:
    try:
        return _Zip(path) if path.lower().endswith(".zip") else _Tar(path, _listed(path, size_bytes, mtime_ns, process))
    except _BROKEN as error:
        raise ImageUnreadable(path, f"damaged archive: {_words(error)}") from error


class _Zip:
    """A .zip file; the standard library's reader is thread-safe by itself."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path)
        self.status = os.stat(path)  # noqa: PTH116
        self.damage: str | None = None

    def members(self) -> list[Member]:
        infos = (info for info in self._zip.NameToInfo.values() if not info.is_dir())
        return [Member(info.filename, info.file_size, _zip_problem(info), info.header_offset) for info in infos]

    def read(self, name: str, max_bytes: int) -> bytes:
        path = f"{self._path}{MEMBER_MARK}{name}"
        info = self._zip.NameToInfo.get(name)
        if info is None:
            raise FileNotFoundError(2, "no such member", path)
        problem = _zip_problem(info) or _too_large(info.file_size, max_bytes)
        if problem:
            raise ImageUnreadable(path, problem)
        try:
            with self._zip.open(info) as stream:
                data = stream.read(max_bytes + 1)
        except _BROKEN as error:
            raise ImageUnreadable(path, f"damaged in its archive: {_words(error)}") from error
        return _checked(data, info.file_size, path)


@dataclass(frozen=True, slots=True)
class _TarList:
    """The members of a tar by their names, and why there may be more, or None."""

    members: dict[str, Member]
    damage: str | None


class _Tar:
    """A .tar file, plain or compressed."""

    def __init__(self, path: str, listed: _TarList) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stream = _tar_stream(path)
        self._members = listed.members
        self.status = os.stat(path)  # noqa: PTH116
        self.damage = listed.damage

    def members(self) -> list[Member]:
        return list(self._members.values())

    def read(self, name: str, max_bytes: int) -> bytes:
        path = f"{self._path}{MEMBER_MARK}{name}"
        member = self._members.get(name)
        if member is None:
            raise FileNotFoundError(2, "no such member", path)
        problem = member.problem or _too_large(member.size_bytes, max_bytes)
        if problem:
            raise ImageUnreadable(path, problem)
        try:
            with self._lock:
                self._stream.seek(member.offset)
                data = self._stream.read(member.size_bytes)
        except _BROKEN as error:
            raise ImageUnreadable(path, f"damaged in its archive: {_words(error)}") from error
        return _checked(data, member.size_bytes, path)


# Kept longer than the open files: listing a compressed tar means unpacking all of it.
@lru_cache(maxsize=2 * _OPEN_ARCHIVES)
def _listed(path: str, _size_bytes: int, _mtime_ns: int, _process: int) -> _TarList:
    members: dict[str, Member] = {}
    try:
        for member in _tar_members(_tar_stream(path)):
            members[member.name] = member
    except (*_BROKEN, OSError) as error:
        if not members:
            raise tarfile.ReadError(_words(error)) from error
        return _TarList(members, f"damaged archive: {_words(error)}")
    return _TarList(members, None)


def _tar_stream(path: str) -> BinaryIO | DecompressedStream:
    stream = open(path, "rb")  # noqa: PTH123, SIM115 - open as long as what reads it
    unpack = unpacker(stream.read(_MAGIC_BYTES))
    stream.seek(0)
    return stream if unpack is None else DecompressedStream(stream, unpack)


class _Headers:
    """A stream as the reader of a tar's headers sees it, without the power to ask for more than headers are long."""

    def __init__(self, stream: BinaryIO | DecompressedStream) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER_BYTES:
            raise tarfile.ReadError("a header longer than any real one")
        return self._stream.read(size)


def _tar_members(stream: BinaryIO | DecompressedStream) -> Iterator[Member]:
    written: dict[str, Member] = {}
    for info in tarfile.TarFile(fileobj=cast("IO[bytes]", _Headers(stream)), errorlevel=2):
        if isinstance(stream, DecompressedStream) and info.offset_data + info.size > _MOST_UNPACKED_BYTES:
            raise tarfile.ReadError(f"unpacks to more than {_MOST_UNPACKED_BYTES >> 30} GB")
        if info.isfile():
            problem = "a sparse file, which is not read from archives" if info.issparse() else None
            # The prefix is what `tar -c .` writes.
            member = Member(info.name.removeprefix("./"), info.size, problem, info.offset_data)
        elif info.islnk() and (target := written.get(info.linkname.removeprefix("./"))) is not None:
            member = replace(target, name=info.name.removeprefix("./"))  # tar writes a file with two names once
        else:
            continue
        written[member.name] = member
        yield member


def _zip_problem(info: zipfile.ZipInfo) -> str | None:
    return "encrypted: unpack it with its password, and index the folder" if info.flag_bits & 1 else None


def _too_large(size_bytes: int, max_bytes: int) -> str | None:
    return f"its {size_bytes:,} bytes are over the limit" if size_bytes > max_bytes else None


def _checked(data: bytes, size_bytes: int, path: str) -> bytes:
    if len(data) != size_bytes:
        raise ImageUnreadable(path, "damaged in its archive: it is not as long as the archive says")
    return data


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
