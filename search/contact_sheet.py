"""Results as files for people: a table, a page with the pictures in it, one picture of them all."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont, features

from ..library.atomic_write import whole_file
from ..library.errors import ExportFailed
from ..library.images.metadata.image_text import printable
from ..library.types import Hit
from .export import record_fields
from .thumbnails import jpeg_bytes, thumbnail

_PAGE_SIDE_PX = 320
_TILE_PX = 220
_GAP_PX = 12
_LINE_PX = 24
_COLUMNS = 5

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


def write_csv(hits: Sequence[Hit], file: Path, *, replace: bool = False) -> None:
    """Write a row for each hit: score, then what is known of its image.

    Raises:
        ExportFailed: the file cannot be written, or is there and not to be replaced.
    """
    stream = io.StringIO(newline="")
    rows = [{"score": round(hit.score, 6)} | record_fields(hit.image) for hit in hits]
    names = list(rows[0]) if rows else ["score", "id", "path"]
    writer = csv.DictWriter(stream, names)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
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
    """
    columns = max(1, min(_COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    step_px = _TILE_PX + _GAP_PX
    top = _GAP_PX + _LINE_PX
    size = (_GAP_PX + columns * step_px, top + rows * (step_px + _LINE_PX))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP_PX, _GAP_PX // 2), title, 18, "black", size[0] - 2 * _GAP_PX)
    for place, hit in enumerate(hits):
        x, y = _GAP_PX + place % columns * step_px, top + place // columns * (step_px + _LINE_PX)
        tile = thumbnail(hit.image.path, _TILE_PX) if tile_of is None else tile_of(hit, _TILE_PX)
        sheet.paste(tile, (x + (_TILE_PX - tile.width) // 2, y + (_TILE_PX - tile.height) // 2))
        _write(draw, (x, y + _TILE_PX + 3), f"{hit.score:.2f}  {hit.image.path.name}", 13, "dimgray", _TILE_PX)
    return sheet


def write_sheet(title: str, hits: Sequence[Hit], file: Path, *, replace: bool = False) -> None:
    """Draw the hits into a picture file of the kind its name says: .jpg, .png or .webp.

    Raises:
        ExportFailed: the file cannot be written, is there and not to be replaced, or its name says another kind.
    """
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
    kind = kinds.get(file.suffix.lower())
    if kind is None or (kind == "WEBP" and not features.check("webp")):
        raise ExportFailed(file, "its name says no kind of picture", "end it in .jpg, .png or .webp")
    with whole_file(file, replace=replace) as out:
        draw_sheet(title, hits).save(out, kind)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str, width_px: int) -> None:
    """Write one line of text, cut with an ellipsis where it is too long."""
    font = ImageFont.load_default(size)
    # Lone surrogates stand for bytes of a name that are no text; a font cannot draw them.
    shown = printable(text).encode(errors="replace").decode()
    if draw.textlength(shown, font) > width_px:
        while shown and draw.textlength(shown + "...", font) > width_px:
            shown = shown[:-1]
        shown += "..."
    draw.text(at, shown, fill=colour, font=font)


def _text(text: str) -> str:
    return html.escape(text.encode(errors="backslashreplace").decode())


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
