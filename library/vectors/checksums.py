"""Files written to the disk for certain, and the sums that tell whether they are still what was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from .manifest import FileFacts

WORD: Final = np.dtype("<u8")


class Measured:
    """A file being written, whose facts are gathered on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._sum = WordSum()

    def write(self, block: bytes) -> int:
        """Write one block."""
        self._sha256.update(block)
        self._sum.add(block)
        return self._file.write(block)

    def facts(self) -> FileFacts:
        """Return the facts of all that was written."""
        return FileFacts(self._file.tell(), self._sum.total(), self._sha256.hexdigest())


class WordSum:
    """The sum, modulo 2**64, of a file's little-endian 64-bit words, the last one filled up with zeros.

    A bit that flipped, a block that is gone or filled with something else: each changes it. It costs what reading the
    memory costs, a tenth of SHA-256, so that a search can afford it each time.
    """

    def __init__(self) -> None:
        self._total = 0
        self._rest = b""

    def add(self, block: bytes) -> None:
        """Add the next bytes of the file."""
        data = self._rest + block if self._rest else block
        whole = len(data) - len(data) % WORD.itemsize
        self._total += int(np.frombuffer(data, WORD, whole // WORD.itemsize).sum(dtype=WORD))
        self._rest = bytes(data[whole:])

    def total(self) -> int:
        """Return the sum of all bytes so far."""
        return (self._total + int.from_bytes(self._rest, "little")) % 2**64


def write_file(path: Path, fill: Callable[[Callable[[bytes], int]], object]) -> FileFacts:
    """Make a new file at `path`, let `fill` write into it, put it on the disk for certain; return its facts."""
    with path.open("xb") as file:
        measured = Measured(file)
        fill(measured.write)
        file.flush()
        os.fsync(file.fileno())
        return measured.facts()


def word_sum_of(path: Path) -> int:
    """Return the `WordSum` of a file, mapped, so that whoever reads it next finds it in memory."""
    size_bytes = path.stat().st_size
    words, rest = divmod(size_bytes, WORD.itemsize)
    total = int(np.memmap(path, WORD, "r", shape=(words,)).sum(dtype=WORD)) if words else 0
    if rest:
        with path.open("rb") as file:
            file.seek(words * WORD.itemsize)
            total += int.from_bytes(file.read(), "little")
    return total % 2**64


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_to_disk(folder: Path) -> None:
    """Put a folder's names on the disk for certain."""
    if os.name == "nt":  # Windows has no such call, and orders renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
