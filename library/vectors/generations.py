"""Generations of one model's vectors on disk: built beside the old one, published whole, verified before use."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import IndexWriteFailed
from .faiss_index import Chunks, FaissIndex, choose_recipe
from .index import VectorIndex
from .manifest import GenerationIdentity, Manifest

logger = logging.getLogger(__name__)

BUILD_FLOOR: Final = 2_000
"""Newer vectors that never call for a build: read from SQL and searched exactly, they cost milliseconds."""

BUILD_SHARE: Final = 0.1
"""Newer vectors call for a build past this share of the whole: a library that grows to n vectors has then written
about 10 n in all its builds together (n + 0.9 n + 0.81 n + ...), and exact search never reads more than a tenth."""

CHECKSUM_LIMIT_BYTES: Final = 64 << 20
"""Files up to this size are hashed before each use: 0.06 s with the processor's SHA instructions, 0.2 s without."""

_PUBLISHED: Final = re.compile(r"gen-(\d+)\.(?:faiss|json)")
_UNFINISHED: Final = re.compile(r"unfinished-(\d+)-[0-9a-f]{32}\.(?:faiss|json)")
_PUBLISHING: Final = threading.Lock()


def should_build(total: int, newer: int, *, floor: int = BUILD_FLOOR, share: float = BUILD_SHARE) -> bool:
    """Say whether a new generation is due, when `newer` of `total` vectors are in no generation yet."""
    return newer > floor and newer > share * total


def model_folder_name(model_key: str) -> str:
    """Name the folder of a model: readable, safe on every file system, and different for different keys."""
    readable = re.sub(r"[^a-z0-9]+", "-", model_key.lower()).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(model_key.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Generation:
    """A verified generation, open for searching; it stays searchable when a newer one takes its place."""

    number: int
    manifest: Manifest
    _index: FaissIndex = field(repr=False)

    def load(self) -> VectorIndex:
        """Return its index, opened when the generation was verified."""
        return self._index


class Generations:
    """The generations of one model under a library's `vectors` folder.

    `gen-N.faiss` is named into place first and `gen-N.json` last: a generation exists when its manifest does. Those
    who publish in one library are kept apart by the library's lock; readers need none.
    """

    def __init__(self, folder: Path, identity: GenerationIdentity) -> None:
        self.folder = folder / model_folder_name(identity.model_key)
        self.identity = identity

    def newest(self, *, checksum_limit_bytes: int = CHECKSUM_LIMIT_BYTES) -> Generation | None:
        """Return the newest generation that verifies; None says that one must be built from SQL.

        Each one passed over is logged with the reason. Files larger than `checksum_limit_bytes` are not hashed: their
        size is compared, and that FAISS opens them with the right number of vectors.
        """
        seen: list[int] | None = None
        # A generation replaced between listing and opening is not a loss: list again, until nothing moves.
        while (numbers := self._numbers()) != seen:
            seen = numbers
            for number in numbers:
                try:
                    return self._verified(number, checksum_limit_bytes)
                except (OSError, ValueError) as error:
                    logger.warning("%s is not used: %s", self._index_path(number), error)
        return None

    def publish(self, chunks: Chunks, change_seq: int, count: int) -> Generation:
        """Build a generation of the vectors in `chunks`, put it in place of the older ones and return it.

        `chunks` hold every vector whose change is numbered `change_seq` or less, and may hold later ones. `count` is
        about how many will come: it chooses the type of index and reserves its memory. Until the last step the older
        generation stays as it is; whoever has it open may go on with it afterwards.

        Raises:
            IndexWriteFailed: the disk is full, or refuses.
            DimensionMismatch: a chunk came from another model.
            ValueError: an id comes twice, or a vector holds numbers that are not finite.
        """
        with _PUBLISHING:
            token = f"unfinished-{os.getpid()}-{uuid.uuid4().hex}"
            index_path, manifest_path = self.folder / f"{token}.faiss", self.folder / f"{token}.json"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                _remove(self._leftovers())
            except OSError as error:
                raise _write_failed(self.folder, error) from error
            recipe = choose_recipe(count, self.identity.dim)
            index = FaissIndex.build(chunks, self.identity.dim, count, recipe)
            try:
                size_bytes, sha256 = _write_index(index, index_path)
                built_at = datetime.now(UTC)
                manifest = Manifest(self.identity, len(index), change_seq, recipe, size_bytes, sha256, built_at)
                _write_text(manifest.to_json(), manifest_path)
                number = self._put_in_place(index_path, manifest_path)
                published = FaissIndex.read(self._index_path(number))
            except (OSError, ValueError) as error:
                raise _write_failed(self.folder, error) from error
            finally:
                _remove([index_path, manifest_path])
            # Only now: until the newest could be read back, the older one may be all there is.
            _remove([path for path, older in self._published_files() if older < number])
            return Generation(number, manifest, published)

    def strays(self, kept_number: int) -> list[Path]:
        """Return the files that serve nothing beside generation `kept_number`: others, halves, killed builds."""
        others = [path for path, number in self._published_files() if number != kept_number]
        return sorted([*others, *self._leftovers()])

    def _verified(self, number: int, checksum_limit_bytes: int) -> Generation:
        """Open one generation, or raise OSError or ValueError with the reason why it must not be used."""
        manifest = Manifest.from_json(self._manifest_path(number).read_text(encoding="utf-8"))
        if manifest.identity != self.identity:
            message = f"it holds vectors of {manifest.identity}, not of {self.identity}"
            raise ValueError(message)
        path = self._index_path(number)
        size_bytes = path.stat().st_size
        if size_bytes != manifest.size_bytes:
            message = f"it has {size_bytes} bytes instead of {manifest.size_bytes}"
            raise ValueError(message)
        if size_bytes <= checksum_limit_bytes and _sha256_of(path) != manifest.sha256:
            raise ValueError("its checksum is not the one in its manifest")
        index = FaissIndex.read(path)
        if (len(index), index.dim) != (manifest.count, self.identity.dim):
            found, wanted = f"{len(index)} x {index.dim}", f"{manifest.count} x {self.identity.dim}"
            message = f"it holds {found} numbers instead of {wanted}"
            raise ValueError(message)
        return Generation(number, manifest, index)

    def _put_in_place(self, index_path: Path, manifest_path: Path) -> int:
        """Give the finished files their names, the manifest's last, and return the new generation's number."""
        number = max(self._numbers(), default=0) + 1
        index_path.replace(self._index_path(number))
        manifest_path.replace(self._manifest_path(number))
        _folder_to_disk(self.folder)
        return number

    def _leftovers(self) -> list[Path]:
        """Return what killed builds left behind.

        Files that bear this process's own id are leftovers too, of an earlier process with the same id, as in a
        restarted container: no other thread of this process is building now.
        """
        matches = ((path, _UNFINISHED.fullmatch(path.name)) for path in self.folder.iterdir())
        return [
            path
            for path, match in matches
            if match and (int(match[1]) == os.getpid() or not _is_running(int(match[1])))
        ]

    def _published_files(self) -> list[tuple[Path, int]]:
        """Return the files of every generation, complete or not, each with the generation's number."""
        if not self.folder.is_dir():
            return []
        matches = ((path, _PUBLISHED.fullmatch(path.name)) for path in self.folder.iterdir())
        return [(path, int(match[1])) for path, match in matches if match]

    def _numbers(self) -> list[int]:
        return sorted({number for _, number in self._published_files()}, reverse=True)

    def _index_path(self, number: int) -> Path:
        return self.folder / f"gen-{number}.faiss"

    def _manifest_path(self, number: int) -> Path:
        return self.folder / f"gen-{number}.json"


def _write_index(index: FaissIndex, path: Path) -> tuple[int, str]:
    """Write the index to a new file and to the disk; return the file's size in bytes and its SHA-256."""
    sha256 = hashlib.sha256()
    with path.open("xb") as file:

        def write(block: bytes) -> int:
            sha256.update(block)
            return file.write(block)

        index.write_to(write)
        _to_disk(file)
        return file.tell(), sha256.hexdigest()


def _write_text(text: str, path: Path) -> None:
    with path.open("xb") as file:
        file.write(text.encode())
        _to_disk(file)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    if os.name == "nt":  # Windows has no such call, and orders renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_running(process_id: int) -> bool:
    if os.name == "nt":  # there `os.kill` ends the process; but a file that one has open cannot be removed
        return False
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _remove(paths: list[Path]) -> None:
    """Remove files that nobody needs; one that resists is left for the next build."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.info("%s stays until the next build: %s", path, error)


def _write_failed(folder: Path, error: OSError | ValueError) -> IndexWriteFailed:
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOSPC, errno.EDQUOT}:
        remedy = "free some space on that disk and run the same command again"
    elif number in {errno.EACCES, errno.EPERM, errno.EROFS}:
        remedy = "make the folder writable and run the same command again"
    else:
        remedy = "check that disk and run the same command again"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return IndexWriteFailed(folder, reason, remedy)
