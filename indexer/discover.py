"""Discover: walk folders and describe the image files in them, in the order of their paths."""

# Paths stay plain strings here: a Path each for a million files would cost half a minute.
# ruff: noqa: PTH208, PTH100, PTH112, PTH116, PTH118, PTH122, PTH206

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ..library.archives import MEMBER_MARK, Member, is_archive_name, open_archive
from ..library.changes import ArchiveListed, Failed, FileState
from ..library.errors import FolderNotFound, FolderUnusable, ImageUnreadable
from ..library.raw import RAW_SUFFIXES
from ..library.sidecars import is_sidecar_name, state_of

# What photographers, archives and scrapers keep. A file given by name is read whatever its suffix.
_SUFFIXES = (
    ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm",
    ".ico .jp2 .j2k .jpf .jpx .avif .heic .heif .hif",
)
IMAGE_SUFFIXES = RAW_SUFFIXES.union(*(line.split() for line in _SUFFIXES))

# How `_names` marks an archive, in whose place its members are sorted; no name of a folder ends so.
_ARCHIVE = MEMBER_MARK + "/"

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
    return [f"{root}!" if is_archive_name(root.name) and root.is_file() else str(root) for root in roots]


def _never(_archive: FileState) -> bool:
    return False


def discover(root: str, is_intact: Callable[[FileState], bool] = _never) -> Iterator[Found]:
    """Yield the image files at `root` or below it, and those in archives, as `ARCHIVE!/MEMBER`.

    They come in the order of their paths by code point, so that they can be merged with the catalogue's rows.
    Hidden files and folders are skipped; links are followed, each folder entered once.

    Args:
        root: a path that `as_roots` returned.
        is_intact: is asked of an archive whether it need not be opened; its path is given with the "!".
    """
    if os.path.isdir(root):
        yield from _walk(root, is_intact)
    elif root.endswith("!") and is_archive_name(root[:-1]):
        yield from _look_into(root[:-1], root, is_intact)
    else:
        yield from _describe(root, root)


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


def _walk(root: str, is_intact: Callable[[FileState], bool]) -> Iterator[Found]:
    entered: set[tuple[int, int]] = set()
    # Names not yet looked at, folder by folder; a stack of its own, since folders can be nested a thousand deep.
    levels: list[tuple[str, _Names]] = [("", _Names(iter((root + "/",))))]
    while levels:
        folder, names = levels[-1]
        name = next(names.entries, None)
        if name is None:
            levels.pop()
            continue
        path = os.path.join(folder, name)
        if not name.endswith("/"):
            yield from _describe(path, root, names.sidecars)
            continue
        if name.endswith(_ARCHIVE):
            yield from _look_into(path.removesuffix(_ARCHIVE), root, is_intact)
            continue
        path = path.rstrip("/") or "/"
        try:
            levels.append((path, _names(path, entered)))
        except FileNotFoundError:
            pass  # removed since its parent was listed: it is not there
        except OSError as error:
            yield Unlisted(_failed(path, root, f"the folder cannot be listed: {error.strerror}"))


@dataclass(frozen=True, slots=True)
class _Names:
    """What is in a folder: the names to look at, sorted, those of folders with a slash; and those of sidecars."""

    entries: Iterator[str]
    sidecars: frozenset[str] = frozenset()


def _names(folder: str, entered: set[tuple[int, int]]) -> _Names:
    """Return the names in `folder`; none on a second visit."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in entered:
        return _Names(iter(()))
    entered.add(identity)
    with os.scandir(folder) as entries:
        # A folder sorts as its name and a slash, as the paths of the files below it do.
        names = [entry.name + "/" * _is_folder(entry) for entry in entries if not _is_skipped(entry.name)]
    sidecars = frozenset(name for name in names if is_sidecar_name(name))
    looked_at = {name for name in names if name.endswith("/") or _is_image_name(name)}
    # A folder that has the name of an archive's members goes before it: two files would share a path.
    looked_at |= {name + _ARCHIVE for name in names if is_archive_name(name) and name + MEMBER_MARK not in looked_at}
    return _Names(iter(sorted(looked_at)), sidecars)


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


def _describe(path: str, root: str, sidecars: frozenset[str] | None = None) -> Iterator[FileState | Failed]:
    """Yield what the file system says of one file; `sidecars` are the names of those in its folder, None to look."""
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
        yield FileState(path, root, status.st_size, status.st_mtime_ns, _sidecars(path, sidecars))


def _sidecars(path: str, names: frozenset[str] | None) -> str:
    folder, name = os.path.split(path)
    if names is None:
        try:
            names = frozenset(filter(is_sidecar_name, os.listdir(folder or os.curdir)))
        except OSError:
            return ""

    def look(sidecar: str) -> tuple[int, int] | None:
        if sidecar not in names:
            return None
        try:
            status = os.stat(os.path.join(folder, sidecar))
        except OSError:
            return None
        return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    return state_of(name, look) if names else ""


def _look_into(path: str, root: str, is_intact: Callable[[FileState], bool]) -> Iterator[Found]:
    """Yield the images in an archive, in the order of their paths."""
    start = path + MEMBER_MARK
    for found in _describe(path, root, frozenset()):
        if isinstance(found, Failed):
            yield Unlisted(replace(found, file=replace(found.file, path=f"{found.file.path}!")))
            continue
        archive = replace(found, path=f"{path}!")
        if is_intact(archive):
            yield Intact(start)
            continue
        try:
            opened = open_archive(path)
        except ImageUnreadable as error:
            yield Unlisted(Failed(archive, "discover", error.reason))
            continue
        except OSError as error:
            yield Unlisted(Failed(archive, "discover", f"cannot be read: {error.strerror or error}"))
            continue
        if opened.damage:
            yield Unlisted(Failed(archive, "discover", opened.damage))
        listed = opened.members()
        files = {member.name: member.size_bytes for member in listed if is_sidecar_name(member.name)}
        members = sorted((start + member.name, member) for member in listed if _is_inside_image(member))
        for member_path, member in members:
            yield _member(member_path, member, archive, files)
        if not opened.damage:
            yield ArchiveListed(archive, len(members))


def _is_inside_image(member: Member) -> bool:
    # What begins with a dot is hidden, and "..", as an empty part, would lead out of the archive.
    return _is_image_name(member.name) and all(part and not _is_skipped(part) for part in member.name.split("/"))


def _member(path: str, member: Member, archive: FileState, sidecars: Mapping[str, int]) -> FileState | Failed:
    if not _is_text(path):
        return _failed(path, archive.root, "the file's name is not valid Unicode: rename it")
    folder, _, name = member.name.rpartition("/")
    before = f"{folder}/" if folder else ""

    def look(sidecar: str) -> tuple[int, int] | None:
        size_bytes = sidecars.get(before + sidecar)
        return None if size_bytes is None else (size_bytes, archive.mtime_ns)

    state = state_of(name, look) if sidecars else ""
    file = FileState(path, archive.root, member.size_bytes, archive.mtime_ns, state)
    return Failed(file, "read", member.problem) if member.problem else file


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _failed(path: str, root: str, reason: str) -> Failed:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Failed(FileState(shown, root, size_bytes=0, mtime_ns=0), "discover", reason)
