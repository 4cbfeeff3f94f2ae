"""The vectors of a generation as they lie on disk: one matrix, then the image id of each of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np

from ..catalog.vector_codec import widened
from ..errors import DimensionMismatch
from ..types import ImageIds, Vectors
from .row_ids import RowIds, RowNumbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

Chunks: TypeAlias = Iterable[tuple[ImageIds, Vectors]]
"""Ids (m,) with their vectors (m, dim), piece by piece, so that no more than one piece is held twice."""

Precision: TypeAlias = str
"""`float32`, compared as it is; or `float16`, as the catalogue keeps them, half the size and read a few at a time."""

PRECISIONS: Final[Mapping[str, np.dtype[np.floating]]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}

_ID: Final = np.dtype("<i8")


class StoredVectors:
    """Vectors mapped from a file, and the images they belong to. Reading changes nothing; any thread may."""

    def __init__(self, image_ids: ImageIds, matrix: NDArray[np.float16] | Vectors) -> None:
        self.rows = RowIds(image_ids)
        self.matrix = matrix

    @classmethod
    def read(cls, path: Path, count: int, dim: int, precision: Precision) -> StoredVectors:
        """Map the file at `path`, which holds `count` vectors of `dim` dimensions.

        Raises:
            OSError: the file cannot be opened.
            ValueError: it is not of the size this takes, or an id comes twice.
        """
        dtype = PRECISIONS[precision]
        matrix_bytes = count * dim * dtype.itemsize
        found, wanted = path.stat().st_size, matrix_bytes + count * _ID.itemsize
        if found != wanted:
            message = f"{found} bytes are not the {wanted} of {count} x {dim} numbers and their ids"
            raise ValueError(message)
        if not count:
            return cls(np.empty(0, np.int64), np.empty((0, dim), dtype))
        # Mapped as bytes: the last part need not lie where eight bytes may be read at once.
        image_ids = np.frombuffer(np.memmap(path, np.uint8, "r", matrix_bytes).tobytes(), _ID)
        # Without the class `memmap`, whose every slice costs microseconds.
        matrix = np.memmap(path, dtype, "r", shape=(count, dim)).view(np.ndarray)
        return cls(image_ids, matrix)

    @property
    def dim(self) -> int:
        """Length of every vector held."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def fetch(self, rows: RowNumbers) -> Vectors:
        """Return the vectors of these rows, (m, dim) float32."""
        return _in_float32(self.matrix[rows])

    def fetch_all(self) -> Vectors:
        """Return all vectors, (n, dim) float32: the mapped file itself when that is its precision."""
        return _in_float32(self.matrix)


def _in_float32(matrix: NDArray[np.float16] | Vectors) -> Vectors:
    return widened(cast("NDArray[np.float16]", matrix)) if matrix.dtype == np.float16 else cast("Vectors", matrix)


def write_vectors(chunks: Chunks, dim: int, precision: Precision, write: Callable[[bytes], int]) -> int:
    """Hand the vectors in `chunks` to `write`, block by block, then their ids; return how many there were.

    Memory is that of one chunk and of the ids. What `write` raises, such as a full disk, comes through.

    Raises:
        DimensionMismatch: a chunk came from another model.
        ValueError: a vector holds numbers that are not finite.
    """
    all_ids: list[ImageIds] = []
    for image_ids, vectors in chunks:
        if vectors.shape[1] != dim:
            raise DimensionMismatch(dim, vectors.shape[1])
        if not np.isfinite(vectors).all():
            raise ValueError("a stored vector holds numbers that are not finite")
        write(vectors.astype(PRECISIONS[precision], copy=False).tobytes())
        all_ids.append(image_ids.astype(_ID))
    for ids in all_ids:
        write(ids.tobytes())
    return sum(len(ids) for ids in all_ids)
