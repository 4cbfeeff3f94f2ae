"""Where exports may be written: over nothing unasked, and never over an image of the library or its own files."""

from __future__ import annotations

import os
from pathlib import Path

from ..library.catalog.catalog import Catalog
from ..library.errors import ExportFailed
from ..library.files import already_there
from ..library.images.hashes import hash_file


def check_target(catalog: Catalog, folder: Path, file: Path, *, replace: bool) -> None:
    """Refuse a file that is not to be written; `folder` is the library's.

    An image is known by its path, its links followed, and by its content: a file has many names.

    Raises:
        ExportFailed: there is such a file and it is not to be replaced, or it is the library's.
    """
    is_there = os.path.lexists(file)
    if is_there and not replace:
        raise already_there(file)
    names = {os.path.abspath(file), os.path.realpath(file)}  # noqa: PTH100 - as indexing writes them
    # What could not be read is on record too, and an archive by its path and "!".
    if any(catalog.is_known(known) for name in names for known in (name, f"{name}!")) and not file.is_dir():
        raise ExportFailed(file, "it is an image of the library")
    if not is_there:
        return
    if any(Path(name).is_relative_to(os.path.realpath(folder)) for name in names):
        raise ExportFailed(file, "it is a file of the library's own")
    content_hash = hash_file(str(file)) if file.is_file() else None
    if content_hash is not None and catalog.is_content_known(file.stat().st_size, content_hash):
        raise ExportFailed(file, "it is an image of the library")
