"""Generations of one model's vectors on disk: built beside the old one, published whole, verified before use."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..errors import IndexWriteFailed
from .exact import ExactIndex
from .index import VectorIndex
from .index_type import IndexRecipe, choose_recipe
from .manifest import (
    FileFacts,
    GenerationIdentity,
    GenerationManifest,
    folder_to_disk,
    sha256_of,
    word_sum_of,
    write_file,
)
from .vector_file import Chunks, StoredVectors, write_vectors

logger = logging.getLogger(__name__)

BUILD_FLOOR: Final = 2_000
"""Newer vectors that never call for a build: read from SQL and searched exactly, they cost milliseconds."""

BUILD_SHARE: Final = 0.1
"""Newer vectors call for a build past this share of the whole: a library that grows to n vectors has then written
about 10 n in all its builds together (n + 0.9 n + 0.81 n + ...), and exact search never reads more than a tenth."""

SUM_LIMIT_BYTES: Final = 256 << 20
"""Files up to this size are summed before each use: a flat generation's, of which a search reads every byte anyway, and
0.01 s for 100 MB. Of larger ones a search reads little; `doctor` hashes them whole."""

_PUBLISHED: Final = re.compile(r"gen-(\d+)\.(?:vectors|faiss|json)")
_UNFINISHED: Final = re.compile(r"unfinished-(\d+)-[0-9a-f]{32}\.(?:vectors|faiss|json)")
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
    manifest: GenerationManifest
    _index: VectorIndex = field(repr=False)

    def load(self) -> VectorIndex:
        """Return its index, opened when the generation was verified."""
        return self._index


class Generations:
    """The generations of one model under a library's `vectors` folder.

    `gen-N.vectors` holds the vectors; beside it, when they are many, `gen-N.faiss` an index over them. Both are named
    into place before `gen-N.json`, the manifest that vouches for them: a generation exists when its manifest does.
    Those who publish in one library are kept apart by the library's lock; readers need none.

    Args:
        folder: the library's folder of vectors.
        identity: whose vectors these are.
        choose: from about how many vectors, and their dimension, to the type of index.
    """

    def __init__(
        self,
        folder: Path,
        identity: GenerationIdentity,
        choose: Callable[[int, int], IndexRecipe] = choose_recipe,
    ) -> None:
        self.folder = folder / model_folder_name(identity.model_key)
        self.identity = identity
        self._choose = choose

    def newest(self, *, sum_limit_bytes: int = SUM_LIMIT_BYTES) -> Generation | None:
        """Return the newest generation that verifies; None says that one must be built from SQL.

        Each one passed over is logged with the reason. Of files larger than `sum_limit_bytes` the size is compared, and
        that FAISS opens its own with the right number of vectors; see `damage` for what looks at every byte.
        """
        seen: list[int] | None = None
        # A generation replaced between listing and opening is not a loss: list again, until nothing moves.
        while (numbers := self._numbers()) != seen:
            seen = numbers
            for number in numbers:
                try:
                    return self._verified(number, sum_limit_bytes)
                except (OSError, ValueError) as error:
                    logger.warning("%s is not used: %s", self._path(number, "vectors"), error)
        return None

    def damage(self) -> dict[int, str]:
        """Read every byte of every generation and return what is wrong with which, by number."""
        found: dict[int, str] = {}
        for number in self._numbers():
            try:
                manifest = self._verified(number, 0).manifest
                for suffix, facts in _files(manifest).items():
                    if sha256_of(self._path(number, suffix)) != facts.sha256:
                        found[number] = f"the checksum of gen-{number}.{suffix} is not the one in its manifest"
            except (OSError, ValueError) as error:
                found[number] = str(error)
        return found

    def publish(self, chunks: Chunks, change_seq: int, count: int) -> Generation:
        """Build a generation of the vectors in `chunks`, put it in place of the older ones and return it.

        `chunks` hold every vector whose change is numbered `change_seq` or less, and may hold later ones. `count` is
        about how many will come: it chooses the type of index. Until the last step the older generation stays as it
        is; whoever has it open may go on with it afterwards.

        Raises:
            IndexWriteFailed: the disk is full, or refuses.
            DimensionMismatch: a chunk came from another model.
            ValueError: an id comes twice, or a vector holds numbers that are not finite.
        """
        with _PUBLISHING:
            token = f"unfinished-{os.getpid()}-{uuid.uuid4().hex}"
            unfinished = {suffix: self.folder / f"{token}.{suffix}" for suffix in ("vectors", "faiss", "json")}
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                _remove(self._leftovers())
                manifest = self._written(chunks, change_seq, count, unfinished)
                number = self._put_in_place(unfinished, manifest)
                index = self._opened(number, manifest)
            except OSError as error:
                raise _write_failed(self.folder, error) from error
            finally:
                _remove(list(unfinished.values()))
            # Only now: until the newest could be read back, the older one may be all there is.
            _remove([path for path, older in self._published_files() if older < number])
            return Generation(number, manifest, index)

    def _written(self, chunks: Chunks, change_seq: int, count: int, paths: dict[str, Path]) -> GenerationManifest:
        """Write the files of a new generation; return what its manifest, the last of them, says."""
        dim, recipe = self.identity.dim, self._choose(count, self.identity.dim)
        precision = "float32" if recipe.is_flat else "float16"
        written: list[int] = []
        vectors = write_file(
            paths["vectors"], lambda write: written.append(write_vectors(chunks, dim, precision, write))
        )
        stored = StoredVectors.read(paths["vectors"], written[0], dim, precision)
        index, tuning = None, None
        if not recipe.is_flat:
            from .faiss_index import FaissIndex
            from .ivf_tuning import tune

            lists = FaissIndex.build(stored, recipe)
            tuning = tune(lists, stored)
            index = write_file(paths["faiss"], lists.write_to)
        manifest = GenerationManifest(
            identity=self.identity,
            count=len(stored),
            change_seq=change_seq,
            recipe=recipe,
            precision=precision,
            vectors=vectors,
            index=index,
            tuning=tuning,
            built_at=datetime.now(UTC),
        )
        text = manifest.to_json().encode()
        write_file(paths["json"], lambda write: write(text))
        return manifest

    def strays(self, kept_number: int | None) -> list[Path]:
        """Return the files that serve nothing beside generation `kept_number`: others, halves, killed builds.

        None says that no generation is of use.
        """
        others = [path for path, number in self._published_files() if number != kept_number]
        return sorted([*others, *self._leftovers()])

    def remove_foreign(self) -> None:
        """Remove generations that are not of this library and model, as a folder that was copied or reused may hold.

        For whoever holds the library for writing.
        """
        foreign = {number for number in self._numbers() if self._is_foreign(number)}
        _remove([path for path, number in self._published_files() if number in foreign])

    def remove_all(self) -> None:
        """Remove every generation, where there is nothing to have one of; for whoever holds the library for writing."""
        _remove([path for path, _ in self._published_files()])

    def _is_foreign(self, number: int) -> bool:
        try:
            manifest = GenerationManifest.from_json(self._path(number, "json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False  # what cannot be read is the doctor's to judge
        return manifest.identity != self.identity

    def _verified(self, number: int, sum_limit_bytes: int) -> Generation:
        """Open one generation, or raise OSError or ValueError with the reason why it must not be used."""
        manifest = GenerationManifest.from_json(self._path(number, "json").read_text(encoding="utf-8"))
        if manifest.identity != self.identity:
            message = f"it holds vectors of {manifest.identity}, not of {self.identity}"
            raise ValueError(message)
        for suffix, facts in _files(manifest).items():
            path = self._path(number, suffix)
            size_bytes = path.stat().st_size
            if size_bytes != facts.size_bytes:
                message = f"{path.name} has {size_bytes} bytes instead of {facts.size_bytes}"
                raise ValueError(message)
            if size_bytes <= sum_limit_bytes and word_sum_of(path) != facts.word_sum:
                message = f"the checksum of {path.name} is not the one in its manifest"
                raise ValueError(message)
        return Generation(number, manifest, self._opened(number, manifest))

    def _opened(self, number: int, manifest: GenerationManifest) -> VectorIndex:
        """Open the index of one generation, or raise OSError or ValueError."""
        path = self._path(number, "vectors")
        stored = StoredVectors.read(path, manifest.count, self.identity.dim, manifest.precision)
        if manifest.tuning is None:
            return ExactIndex(stored.rows.image_ids, stored.fetch_all(), finite=True)
        from .faiss_index import FaissIndex

        return FaissIndex.read(self._path(number, "faiss"), stored, manifest.tuning)

    def _put_in_place(self, unfinished: dict[str, Path], manifest: GenerationManifest) -> int:
        """Give the finished files their names, the manifest's last, and return the new generation's number."""
        number = max(self._numbers(), default=0) + 1
        for suffix in (*_files(manifest), "json"):
            unfinished[suffix].replace(self._path(number, suffix))
        folder_to_disk(self.folder)
        return number

    def _leftovers(self) -> list[Path]:
        """Return what killed builds left behind.

        Files that bear this process's own id are leftovers too, of an earlier process with the same id, as in a
        restarted container: no other thread of this process is building now.
        """
        if not self.folder.is_dir():
            return []
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

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / f"gen-{number}.{suffix}"


def _files(manifest: GenerationManifest) -> dict[str, FileFacts]:
    """Return the facts of a generation's files by their suffix, the manifest's own aside."""
    return {"vectors": manifest.vectors} | ({} if manifest.index is None else {"faiss": manifest.index})


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
