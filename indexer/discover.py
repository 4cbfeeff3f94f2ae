"""Discover: walk folders and describe the image files in them, in the order of their paths."""

# Paths stay plain strings here: a Path each for a million files would cost half a minute.
# ruff: noqa: PTH100, PTH112, PTH116, PTH118, PTH122, PTH206

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ..library.changes import Failed, FileState
from ..library.errors import FolderNotFound, FolderUnusable

# What photographers, archives and scrapers keep. A file given by name is read whatever its suffix.
_SUFFIXES = (
    ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm",
    ".ico .jp2 .j2k .jpf .jpx .avif .heic .heif .hif",
)
IMAGE_SUFFIXES = frozenset(suffix for line in _SUFFIXES for suffix in line.split())

# Folders in which cameras' and NAS systems' own thumbnails live.
_SKIPPED_FOLDERS = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "__MACOSX"})


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder whose content could not be listed: nothing may be concluded about the files below it."""

    failed: Failed


Found: TypeAlias = FileState | Failed | Unlisted


def as_roots(paths: Iterable[Path]) -> list[str]:
    """Return the paths to index, made absolute, less those that lie inside another.

    Raises:
        FolderNotFound: one of them does not exist.
        FolderUnusable: one of them cannot be looked at, or has a name that cannot be stored.
    """
    roots: list[Path] = []
    # Sorted part by part, so that whatever lies inside a path comes right after it.
    for path in sorted({Path(os.path.abspath(path)) for path in paths}):
        _check_root(path)
        if not roots or not path.is_relative_to(roots[-1]):
            roots.append(path)
    return [str(root) for root in roots]


def discover(root: str) -> Iterator[Found]:
    """Yield the image files at `root` or below it.

    They come in the order of their paths by code point, so that they can be merged with the catalogue's rows.
    Hidden files and folders are skipped; links are followed, each folder entered once.
    """
    if os.path.isdir(root):
        yield from _walk(root)
    else:
        yield from _describe(root, root)


def found_in(found: Iterable[Found], root: str) -> Iterator[Found]:
    """Yield what was found below a part of `root` as if all of `root` had been walked."""
    for item in found:
        if isinstance(item, FileState):
            yield item if item.root == root else replace(item, root=root)
        elif isinstance(item, Failed):
            yield replace(item, file=replace(item.file, root=root))
        else:
            yield Unlisted(replace(item.failed, file=replace(item.failed.file, root=root)))


def enters(root: str, path: str) -> bool:
    """Whether `discover(root)` comes by `path`, at `root` or below it, rather than skipping it as hidden.

    What was indexed by name, or from inside a hidden folder, may lie below a root whose walk passes it by.
    """
    return path == root or not any(map(_is_skipped, os.path.relpath(path, root).split(os.sep)))


def covers(root: str, path: str) -> bool:
    """Whether `discover(root)` would yield the file at `path`, were it there."""
    return path == root or (_is_image_name(path) and enters(root, path))


def _check_root(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderNotFound(path) from error
    except OSError as error:
        raise FolderUnusable(path, error.strerror or str(error)) from error
    if not _is_text(str(path)):
        raise FolderUnusable(path, "its name is not valid Unicode: rename it")


def _walk(root: str) -> Iterator[Found]:
    entered: set[tuple[int, int]] = set()
    # Names not yet looked at, folder by folder; a stack of its own, since folders can be nested a thousand deep.
    levels: list[tuple[str, Iterator[str]]] = [("", iter((root + "/",)))]
    while levels:
        folder, names = levels[-1]
        name = next(names, None)
        if name is None:
            levels.pop()
            continue
        path = os.path.join(folder, name)
        if not name.endswith("/"):
            yield from _describe(path, root)
            continue
        path = path.rstrip("/") or "/"
        try:
            levels.append((path, iter(_names(path, entered))))
        except FileNotFoundError:
            pass  # removed since its parent was listed: it is not there
        except OSError as error:
            yield Unlisted(_failed(path, root, f"the folder cannot be listed: {error.strerror}"))


def _names(folder: str, entered: set[tuple[int, int]]) -> list[str]:
    """Return the names in `folder` to look at, sorted, those of folders with a slash; none on a second visit."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in entered:
        return []
    entered.add(identity)
    with os.scandir(folder) as entries:
        # A folder sorts as its name and a slash, as the paths of the files below it do.
        names = [entry.name + "/" * _is_folder(entry) for entry in entries if not _is_skipped(entry.name)]
    return sorted(name for name in names if name.endswith("/") or _is_image_name(name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        # A link in a circle leads nowhere; behind one that may not be followed could be a folder of known images.
        return error.errno != errno.ELOOP


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED_FOLDERS


def _is_image_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _describe(path: str, root: str) -> Iterator[FileState | Failed]:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return  # removed since the folder was listed, or a link to nothing: it is not there
    except OSError as error:
        yield _failed(path, root, f"cannot be looked at: {error.strerror}")
        return
    if not _is_text(path):
        yield _failed(path, root, "the file's name is not valid Unicode: rename it")
    elif not stat.S_ISREG(status.st_mode):
        yield _failed(path, root, "not a regular file")
    else:
        yield FileState.described(path, root, status)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _failed(path: str, root: str, reason: str) -> Failed:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Failed(FileState(shown, root, size_bytes=0, mtime_ns=0), "discover", reason)
