"""Answers and vectors as files: arrays and Parquet for programs; tables, pages and contact sheets for people."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, features

from ..library.catalog.catalog import Catalog, ModelRow
from ..library.errors import ExportFailed, PhotoseekError
from ..library.files import whole_file
from ..library.types import Hit, ImageRecord, Vectors
from .sheet_fonts import letters_without_font, runs_of
from .thumbnails import crossed, jpeg_bytes, thumbnail

_log = logging.getLogger(__name__)

VECTORS_NAME = "vectors.npy"
IMAGES_NAME = "images.jsonl"

Chunk = tuple[list[ImageRecord], Vectors]

Told: TypeAlias = Callable[[int, int], None]
"""Is told how many of how many rows are written."""


def _unheard(_done: int, _total: int) -> None:
    pass


def record_fields(record: ImageRecord) -> dict[str, object]:
    """Return a record as plain values: the path as text, the time as ISO 8601."""
    taken_at = None if record.taken_at is None else record.taken_at.isoformat()
    return asdict(record) | {"path": str(record.path), "taken_at": taken_at}


def export_npy(
    catalog: Catalog, model: ModelRow, folder: Path, *, replace: bool = False, progress: Told = _unheard
) -> int:
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
        for records, chunk in _chunks(catalog, model, progress):
            vectors.write(np.ascontiguousarray(chunk, dtype="<f4").tobytes())
            images.write("".join(json.dumps(record_fields(record)) + "\n" for record in records).encode())
            count += len(records)
        vectors.seek(0)
        _write_header(vectors, count, model.dim)
    return count


def export_parquet(
    catalog: Catalog, model: ModelRow, file: Path, *, replace: bool = False, progress: Told = _unheard
) -> int:
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
        for records, chunk in _chunks(catalog, model, progress):
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


def _chunks(catalog: Catalog, model: ModelRow, progress: Told) -> Iterator[Chunk]:
    """Yield images and their vectors in the order of their ids, less those that vanish meanwhile."""
    done, total = 0, catalog.count_vectors(model.id)
    for ids, vectors in catalog.vector_chunks(model.id, model.dim):
        found = catalog.images(ids.tolist())
        there = np.array([image_id in found for image_id in ids.tolist()], dtype=bool)
        records = [found[image_id] for image_id in ids[there].tolist()]
        if records:
            yield records, vectors[there]
        done += len(ids)
        progress(done, max(done, total))


def _write_header(stream: BinaryIO, count: int, dim: int) -> None:
    # NumPy leaves room in the header for the first axis to grow, so that it has one length whatever the count.
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(stream, header)


_PAGE_SIDE_PX = 320
_TILE_PX = 220
_GAP_PX = 12
_LINE_PX = 24
_COLUMNS = 5
_MOST_NAMED = 10

# A cell that begins so is a formula to a spreadsheet, and formulas can run programs (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

TileOf: TypeAlias = Callable[[Hit, int], Image.Image]

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; background: #fafafa; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1rem }
figure { margin: 0; background: #fff; padding: .6rem; border: 1px solid #ddd; border-radius: 6px }
img { width: 100%; height: 200px; object-fit: contain }
figcaption { overflow-wrap: anywhere; font-size: 12px }
"""


def write_csv(
    hits: Sequence[Hit], file: Path, fields: Sequence[Mapping[str, object]] = (), *, replace: bool = False
) -> None:
    """Write a row for each hit: score, `fields` where they are given for each, then what is known of its image.

    Raises:
        ExportFailed: the file cannot be written, or is there and not to be replaced.
    """
    stream = io.StringIO(newline="")
    added = fields or [{}] * len(hits)
    rows = [
        {"score": round(hit.score, 6)} | dict(more) | record_fields(hit.image)
        for hit, more in zip(hits, added, strict=True)
    ]
    names = list(rows[0]) if rows else ["score", "id", "path"]
    writer = csv.DictWriter(stream, names)
    writer.writeheader()
    writer.writerows({name: _csv_cell(value) for name, value in row.items()} for row in rows)
    with whole_file(file, replace=replace) as out:
        out.write(stream.getvalue().encode(errors="backslashreplace"))


def write_html(title: str, hits: Sequence[Hit], file: Path, *, replace: bool = False) -> None:
    """Write one page that needs nothing else: the pictures are in it, and every word of others' is escaped.

    Raises:
        ExportFailed: the file cannot be written, or is there and not to be replaced.
    """
    # A policy beside the escaping: the page may show its own pictures and style, and nothing runs or is fetched.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    with whole_file(file, replace=replace) as out:
        head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        head += f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{_STYLE}</style></head>'
        out.write(f"{head}<body><h1>{_text(title)}</h1><main>\n".encode())
        for hit in hits:
            data = base64.b64encode(jpeg_bytes(thumbnail(hit.image.path, _PAGE_SIDE_PX))).decode()
            path = _text(str(hit.image.path))
            picture = f'<img src="data:image/jpeg;base64,{data}" alt="{path}">'
            out.write(f"<figure>{picture}<figcaption>{hit.score:.3f} {path}</figcaption></figure>\n".encode())
        out.write(b"</main></body></html>\n")


def draw_sheet(title: str, hits: Sequence[Hit], tile_of: TileOf | None = None) -> Image.Image:
    """Draw the hits as tiles, row by row, each with its score and name below it.

    `tile_of` returns a hit's picture, RGB, no side above the pixels it is given; it is read from the file unless given.
    Where it raises a `PhotoseekError`, a crossed tile is drawn.
    """
    columns = max(1, min(_COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    step_px = _TILE_PX + _GAP_PX
    top = _GAP_PX + _LINE_PX
    size = (_GAP_PX + columns * step_px, top + rows * (step_px + _LINE_PX))
    if missing := letters_without_font("".join([title, *(hit.image.path.name for hit in hits)])):
        _log.warning(
            "no font on this computer has %s: the sheet writes such letters by their numbers; install Noto Sans for "
            "their script, or write a page instead",
            missing[:_MOST_NAMED],
        )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP_PX, _GAP_PX // 2), title, 18, "black", size[0] - 2 * _GAP_PX)
    for place, hit in enumerate(hits):
        x, y = _GAP_PX + place % columns * step_px, top + place // columns * (step_px + _LINE_PX)
        tile = thumbnail(hit.image.path, _TILE_PX) if tile_of is None else _tile(hit, tile_of)
        sheet.paste(tile, (x + (_TILE_PX - tile.width) // 2, y + (_TILE_PX - tile.height) // 2))
        _write(draw, (x, y + _TILE_PX + 3), f"{hit.score:.2f}  {hit.image.path.name}", 13, "dimgray", _TILE_PX)
    return sheet


def _tile(hit: Hit, tile_of: TileOf) -> Image.Image:
    try:
        return tile_of(hit, _TILE_PX)
    except PhotoseekError:
        return crossed(_TILE_PX)


def write_sheet(
    title: str, hits: Sequence[Hit], file: Path, tile_of: TileOf | None = None, *, replace: bool = False
) -> None:
    """Draw the hits into a picture file of the kind its name says: .jpg, .png or .webp; see `draw_sheet`.

    Raises:
        ExportFailed: the file cannot be written, is there and not to be replaced, or its name says another kind.
    """
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
    kind = kinds.get(file.suffix.lower())
    if kind is None or (kind == "WEBP" and not features.check("webp")):
        raise ExportFailed(file, "its name says no kind of picture", "end it in .jpg, .png or .webp")
    with whole_file(file, replace=replace) as out:
        draw_sheet(title, hits, tile_of).save(out, kind)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str, width_px: int) -> None:
    """Write one line of text, cut with an ellipsis where it is too long."""
    runs = runs_of(text, size)
    shown = text
    while shown and sum(run.width_px for run in runs) > width_px:
        shown = shown[:-1]
        runs = runs_of(f"{shown}...", size)
    # On one baseline: fonts differ in how high they rise above it.
    x, baseline = float(at[0]), at[1] + size
    for run in runs:
        draw.text((x, baseline), run.text, fill=colour, font=run.font, anchor="ls")
        x += run.width_px


def _text(text: str) -> str:
    return html.escape(text.encode(errors="backslashreplace").decode())


def _csv_cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
