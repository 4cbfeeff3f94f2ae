"""How pages write where files lie: to the owner as it is, to guests as much as lies below what was indexed."""

from __future__ import annotations

import re
from pathlib import Path

from .. import LibraryNotFound
from .components import literal, shown_path
from .resources import Resources, current

# A path from the root on, in a sentence: up to its last slash, which its name follows.
_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\n:;,'\"]+/)+")


def place_of(path: str | Path) -> str:
    """Return a file's path as text, for the visitor whose page is being drawn."""
    resources = current()
    return below_roots(Path(path), resources) if resources.options.is_shared else shown_path(path)


def folder_of(path: Path) -> str:
    """Return the folder that a file lies in, as `place_of` does; nothing where that is one that was indexed."""
    return place_of(path).rpartition("/")[0]


def in_a_line(text: str) -> str:
    """Return what an error or a check says as Markdown for this visitor: to guests without the folders it names."""
    return literal(without_folders(text))


def without_folders(text: str) -> str:
    """Return a sentence as it may be told: to guests without the folders it names."""
    resources = current()
    if resources.options.is_shared:
        for folder in (*indexed_roots(resources), resources.library.folder):
            text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
        text = _FOLDERS.sub("", text)
    return text


def below_roots(path: Path, resources: Resources) -> str:
    """Return a file's path from the folder on that was indexed; its name alone where it lies in none."""
    for root in indexed_roots(resources):
        if path != root and path.is_relative_to(root):
            return shown_path(path.relative_to(root))
    return shown_path(path.name)


def indexed_roots(resources: Resources) -> list[Path]:
    """Return the folders that were indexed."""
    try:
        return [root.path for root in resources.library.roots()]
    except LibraryNotFound:
        return []


def roots_for_guests(resources: Resources) -> list[str] | None:
    """Return the folders below which a guest's filter may look, as the catalogue writes them; None for the owner."""
    if not resources.options.is_shared:
        return None
    try:
        return [root.catalog_path for root in resources.library.roots()]
    except LibraryNotFound:
        return []
