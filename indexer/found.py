"""What discovery yields, and which names it yields anything for."""

# Paths stay plain strings here, as in discover.py.
# ruff: noqa: PTH122

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..library.catalog.changes import ArchiveListed
from ..library.images.raw import RAW_SUFFIXES
from ..library.images.sources import Failed, FileState

# What photographers, archives and scrapers keep. A file given by name is read whatever its suffix.
_SUFFIXES = (
    ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm",
    ".ico .jp2 .j2k .jpf .jpx .avif .heic .heif .hif",
)
IMAGE_SUFFIXES = RAW_SUFFIXES.union(*(line.split() for line in _SUFFIXES))

# Folders in which cameras' and NAS systems' own thumbnails live.
_SKIPPED_FOLDERS = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "__MACOSX"})


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder whose content could not be listed: nothing may be concluded about the files below it."""

    failed: Failed


@dataclass(frozen=True, slots=True)
class Intact:
    """An archive that is as it was when all its members were written; `path` is that of its members' common start."""

    path: str


Found: TypeAlias = FileState | Failed | Unlisted | Intact | ArchiveListed


def found_in(found: Iterable[Found], root: str) -> Iterator[Found]:
    """Yield what was found below a part of `root` as if all of `root` had been walked."""
    for item in found:
        match item:
            case FileState():
                yield item if item.root == root else replace(item, root=root)
            case Failed():
                yield replace(item, file=replace(item.file, root=root))
            case Unlisted(failed=unlisted):
                yield Unlisted(replace(unlisted, file=replace(unlisted.file, root=root)))
            case _:
                yield item


def is_skipped(name: str) -> bool:
    """Whether a file or folder of this name is passed by."""
    return name.startswith(".") or name in _SKIPPED_FOLDERS


def is_image_name(name: str) -> bool:
    """Whether a file of this name is yielded."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def is_text(path: str) -> bool:
    """Whether a path can be stored and shown."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def failed(path: str, root: str, reason: str) -> Failed:
    """Return the failure of a file that could not even be described."""
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Failed(FileState(shown, root, size_bytes=0, mtime_ns=0), "discover", reason)
