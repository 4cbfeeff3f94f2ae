"""photoseek show: everything the library knows of one image."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import json_option, library_at, library_option, path_or_id, print_json
from .console import plain

if TYPE_CHECKING:
    from ..library.types import ImageDetail


@click.command("show", short_help="Say everything that is known of an image.")
@click.argument("image", metavar="IMAGE|id:N|N")
@library_option
@json_option
def show_command(*, image: str, folder: Path | None, as_json: bool) -> None:
    """Say everything that the library knows of one IMAGE, by its path or id: facts, words, copies, models.

    The file is not read, and need not be there any more.
    """
    with library_at(folder) as library:
        detail = library.show(path_or_id(f"id:{image}" if image.isdecimal() else image))
    if as_json:
        record = detail.image
        print_json(asdict(record) | asdict(detail) | {"image": record.id, "path": str(record.path)})
        return
    _print(detail)


def _print(detail: ImageDetail) -> None:
    record = detail.image
    facts: dict[str, object] = {
        "id": record.id,
        "path": record.path,
        "missing": None if detail.missing_since is None else f"since {detail.missing_since:%Y-%m-%d %H:%M} UTC",
        "picture": f"{record.width} x {record.height} {record.format}, {record.size_bytes:,} bytes",
        "taken": record.taken_at,
        "camera": record.camera,
        "lens": record.lens,
        "place": None if record.latitude is None else f"{record.latitude:.5f}, {record.longitude:.5f}",
        "rating": record.rating,
        "colours": record.colours or None,
        "warning": record.warning,
        "root": detail.root,
        "indexed": f"{detail.indexed_at:%Y-%m-%d %H:%M} UTC",
        "content": record.content_hash,
    }
    lines = [(name, str(value)) for name, value in facts.items() if value is not None]
    lines += [(text.kind, f"{text.body}  ({text.source})") for text in detail.texts]
    lines += [("model", key) for key in detail.models]
    lines += [("copy", path) for path in detail.copies]
    for name, value in lines:
        click.echo(f"{name:<8}  {plain(value)}")
