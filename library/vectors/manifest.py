"""What a generation on disk says of itself: whose vectors, how many, and the checksums of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from .index_type import IndexRecipe, IvfParams
from .vector_file import PRECISIONS, Precision

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


FORMAT_VERSION: Final = 1
"""Raised when a manifest or index file changes so that an older photoseek would misread it."""


@dataclass(frozen=True, slots=True)
class GenerationIdentity:
    """Whose vectors: one model's, in one library. `dim` is their length."""

    library_id: str
    model_key: str
    dim: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a generation: its size, its SHA-256 (hexadecimal), and the sum of its 64-bit words; see checks.py."""

    size_bytes: int
    word_sum: int
    sha256: str

    @staticmethod
    def from_json(facts: Mapping[str, object]) -> FileFacts:
        """Read what `asdict` gave; see `Manifest.from_json`."""
        return FileFacts(_number(facts, "size_bytes"), _number(facts, "word_sum"), str(facts["sha256"]))


@dataclass(frozen=True, slots=True)
class GenerationManifest:
    """The facts of one generation.

    It holds `count` vectors, among them every one whose change in the catalogue is numbered `change_seq` or less;
    those of later changes are to be taken from the catalogue. `precision` is that of the file of vectors. `index` and
    `tuning` are those of the index beside it, None for a flat generation; `built_at` is in UTC.
    """

    identity: GenerationIdentity
    count: int
    change_seq: int
    recipe: IndexRecipe
    precision: Precision
    vectors: FileFacts
    index: FileFacts | None
    tuning: IvfParams | None
    built_at: datetime

    def to_json(self) -> str:
        """Word the manifest as one JSON object."""
        facts = {
            "format_version": FORMAT_VERSION,
            "library_id": self.identity.library_id,
            "model_key": self.identity.model_key,
            "dim": self.identity.dim,
            "count": self.count,
            "change_seq": self.change_seq,
            "recipe": {"factory": self.recipe.factory},
            "precision": self.precision,
            "vectors": asdict(self.vectors),
            "index": None if self.index is None else asdict(self.index),
            "tuning": None if self.tuning is None else asdict(self.tuning),
            "built_at": self.built_at.isoformat(),
        }
        return json.dumps(facts, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> GenerationManifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no manifest, or one in a newer format.
        """
        facts = json.loads(text)
        if not isinstance(facts, dict):
            raise ValueError("the manifest is no JSON object")  # noqa: TRY004 - the file is wrong, not the caller
        version = facts.get("format_version")
        if version != FORMAT_VERSION:
            message = f"the manifest's format is {version}, this photoseek reads {FORMAT_VERSION}"
            raise ValueError(message)
        try:
            index, tuning = facts.get("index"), facts.get("tuning")
            return GenerationManifest(
                identity=GenerationIdentity(str(facts["library_id"]), str(facts["model_key"]), int(facts["dim"])),
                count=int(facts["count"]),
                change_seq=int(facts["change_seq"]),
                recipe=IndexRecipe(str(facts["recipe"]["factory"])),
                precision=_precision(facts),
                vectors=FileFacts.from_json(facts["vectors"]),
                index=None if index is None else FileFacts.from_json(index),
                tuning=None if tuning is None else _tuning(tuning),
                built_at=datetime.fromisoformat(facts["built_at"]),
            )
        except (KeyError, TypeError, OverflowError) as error:
            message = f"the manifest lacks or garbles {error}"
            raise ValueError(message) from error


def _tuning(facts: Mapping[str, object]) -> IvfParams:
    recall = facts["recall"]
    if not isinstance(recall, int | float):
        raise TypeError("recall")
    tuning = IvfParams(
        _number(facts, "nprobe"), _number(facts, "careful_nprobe"), _number(facts, "candidates"), float(recall)
    )
    if min(tuning.nprobe, tuning.careful_nprobe, tuning.candidates) < 1:
        raise ValueError("the manifest's tuning visits nothing")
    return tuning


def _precision(facts: Mapping[str, object]) -> Precision:
    precision = str(facts["precision"])
    if precision not in PRECISIONS:
        message = f"the manifest's precision is {precision}"
        raise ValueError(message)
    return precision


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts[name]
    if not isinstance(value, int):
        raise TypeError(name)
    return value
