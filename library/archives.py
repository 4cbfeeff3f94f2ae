"""Reads members of .zip and .tar files where they lie: nothing goes to disk, and no member larger than asked for."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, BinaryIO, Protocol, cast

from .errors import ImageUnreadable

MEMBER_MARK = "!/"
"""Stands between an archive's path and a member's name: `shard.tar!/0001.jpg`."""

_ARCHIVE_NAME = re.compile(r"\.(zip|tar|tar\.gz|tgz)$", re.IGNORECASE)
_MEMBER_PATH = re.compile(r"(?P<archive>.*?\.(?:zip|tar|tar\.gz|tgz))!/(?P<name>.+)", re.IGNORECASE | re.DOTALL)

_MOST_UNPACKED_BYTES = 64 << 30
"""Read through in a compressed tar while looking for its members: minutes, where a bomb would take days."""

_LONGEST_HEADER_BYTES = 1 << 20
_OPEN_ARCHIVES = 4
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
    """A file in an archive, as its directory has it. `problem` says why it can't be read, or is None."""

    name: str
    size_bytes: int
    problem: str | None = None


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


def open_archive(path: str) -> Archive:
    """Open an archive, or take it from the few kept open.

    Raises:
        OSError: the file cannot be read.
        ImageUnreadable: it is no archive.
    """
    status = os.stat(path)  # noqa: PTH116
    # The process belongs to the key: two that share an open file move each other's place in it.
    return _opened(path, status.st_size, status.st_mtime_ns, os.getpid())


def read_member(path: str, name: str, max_bytes: int) -> bytes:
    """Return the bytes of a member.

    Raises:
        FileNotFoundError: there is no such member.
        OSError: the archive cannot be read.
        ImageUnreadable: the member is damaged, encrypted or larger than `max_bytes`.
    """
    return open_archive(path).read(name, max_bytes)


@lru_cache(maxsize=_OPEN_ARCHIVES)
def _opened(path: str, _size_bytes: int, _mtime_ns: int, _process: int) -> Archive:
    try:
        return _Zip(path) if path.lower().endswith(".zip") else _Tar(path)
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
        return [Member(info.filename, info.file_size, _zip_problem(info)) for info in infos]

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


class _Tar:
    """A .tar file, plain or compressed by gzip: that is read forward, and again from its start to go back."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stream: BinaryIO = open(path, "rb")  # noqa: PTH123, SIM115 - open as long as this object
        self.status = os.stat(path)  # noqa: PTH116
        self.damage: str | None = None
        self._places: dict[str, tuple[int, Member]] = {}
        is_packed = self._stream.read(2) == b"\x1f\x8b"
        self._stream.seek(0)
        if is_packed:
            self._stream = cast("BinaryIO", gzip.GzipFile(fileobj=self._stream))
        try:
            for name, offset, member in _tar_places(self._stream, is_packed=is_packed):
                self._places[name] = (offset, member)
        except (*_BROKEN, OSError) as error:
            if not self._places:
                raise tarfile.ReadError(_words(error)) from error
            self.damage = f"damaged archive: {_words(error)}"

    def members(self) -> list[Member]:
        return [member for _, member in self._places.values()]

    def read(self, name: str, max_bytes: int) -> bytes:
        path = f"{self._path}{MEMBER_MARK}{name}"
        if name not in self._places:
            raise FileNotFoundError(2, "no such member", path)
        offset, member = self._places[name]
        problem = member.problem or _too_large(member.size_bytes, max_bytes)
        if problem:
            raise ImageUnreadable(path, problem)
        try:
            with self._lock:
                self._stream.seek(offset)
                data = self._stream.read(member.size_bytes)
        except _BROKEN as error:
            raise ImageUnreadable(path, f"damaged in its archive: {_words(error)}") from error
        return _checked(data, member.size_bytes, path)


class _Headers:
    """A stream as the reader of a tar's headers sees it, without the power to ask for more than headers are long."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER_BYTES:
            raise tarfile.ReadError("a header longer than any real one")
        return self._stream.read(size)


def _tar_places(stream: IO[bytes], *, is_packed: bool) -> Iterator[tuple[str, int, Member]]:
    for info in tarfile.TarFile(fileobj=cast("IO[bytes]", _Headers(stream)), errorlevel=2):
        if is_packed and info.offset_data + info.size > _MOST_UNPACKED_BYTES:
            raise tarfile.ReadError(f"unpacks to more than {_MOST_UNPACKED_BYTES >> 30} GB")
        if info.isfile():
            problem = "a sparse file, which is not read from archives" if info.issparse() else None
            name = info.name.removeprefix("./")  # as `tar -c .` writes
            yield name, info.offset_data, Member(name, info.size, problem)


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
