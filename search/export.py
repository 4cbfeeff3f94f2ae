"""Export: a model's vectors with what is known of their images, for other programs, a chunk in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..library.atomic_write import whole_file
from ..library.catalog.catalog import Catalog, ModelRow
from ..library.errors import ExportFailed
from ..library.types import ImageRecord, Vectors

VECTORS_NAME = "vectors.npy"
IMAGES_NAME = "images.jsonl"

Chunk = tuple[list[ImageRecord], Vectors]


def record_fields(record: ImageRecord) -> dict[str, object]:
    """Return a record as plain values: the path as text, the time as ISO 8601."""
    taken_at = None if record.taken_at is None else record.taken_at.isoformat()
    return asdict(record) | {"path": str(record.path), "taken_at": taken_at}


def export_npy(catalog: Catalog, model: ModelRow, folder: Path, *, replace: bool = False) -> int:
    """Write vectors.npy, (n, dim) float32, and images.jsonl, line by line the image of each row; return n.

    Raises:
        ExportFailed: the folder cannot be written to, or has such files and they are not to be replaced.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportFailed(folder, error.strerror or str(error)) from error
    count = 0
    with (
        whole_file(folder / VECTORS_NAME, replace=replace) as vectors,
        whole_file(folder / IMAGES_NAME, replace=replace) as images,
    ):
        _write_header(vectors, 0, model.dim)
        for records, chunk in _chunks(catalog, model):
            vectors.write(np.ascontiguousarray(chunk, dtype="<f4").tobytes())
            images.write("".join(json.dumps(record_fields(record)) + "\n" for record in records).encode())
            count += len(records)
        vectors.seek(0)
        _write_header(vectors, count, model.dim)
    return count


def export_parquet(catalog: Catalog, model: ModelRow, file: Path, *, replace: bool = False) -> int:
    """Write one Parquet file, a row for each image with its `vector` as a list of `dim` floats; return the rows.

    Raises:
        ExportFailed: the file cannot be written, is there and not to be replaced, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ExportFailed(file, "pyarrow is not installed", "pip install 'photoseek[parquet]'") from error
    columns = {
        "id": pa.int64(),
        "path": pa.string(),
        "size_bytes": pa.int64(),
        "mtime_ns": pa.int64(),
        "content_hash": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "format": pa.string(),
        "orientation": pa.int64(),
        "taken_at": pa.timestamp("us"),
        "camera": pa.string(),
        "latitude": pa.float64(),
        "longitude": pa.float64(),
        "taken_offset_min": pa.int64(),
        "lens": pa.string(),
        "rating": pa.int64(),
        "colours": pa.string(),
        "perceptual_hash": pa.int64(),
        "warning": pa.string(),
    }
    vector_type = pa.list_(pa.float32(), model.dim)
    schema = pa.schema([*columns.items(), ("vector", vector_type)], metadata={"photoseek.model": model.key})
    count = 0
    with whole_file(file, replace=replace) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for records, chunk in _chunks(catalog, model):
            flat = pa.array(np.ascontiguousarray(chunk, dtype=np.float32).reshape(-1))
            arrays = [pa.array([_cell(record, name) for record in records], kind) for name, kind in columns.items()]
            vectors = pa.FixedSizeListArray.from_arrays(flat, model.dim)
            writer.write_table(pa.Table.from_arrays([*arrays, vectors], schema=schema))
            count += len(records)
    return count


def _cell(record: ImageRecord, name: str) -> object:
    # A name that is not UTF-8 comes from the system with lone surrogates, which no Parquet reader takes.
    value: object = getattr(record, name)
    return str(value).encode(errors="backslashreplace").decode() if name == "path" else value


def _chunks(catalog: Catalog, model: ModelRow) -> Iterator[Chunk]:
    """Yield images and their vectors in the order of their ids, less those that vanish meanwhile."""
    for ids, vectors in catalog.vector_chunks(model.id, model.dim):
        found = catalog.images(ids.tolist())
        there = np.array([image_id in found for image_id in ids.tolist()], dtype=bool)
        records = [found[image_id] for image_id in ids[there].tolist()]
        if records:
            yield records, vectors[there]


def _write_header(stream: BinaryIO, count: int, dim: int) -> None:
    # NumPy leaves room in the header for the first axis to grow, so that it has one length whatever the count.
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(stream, header)
