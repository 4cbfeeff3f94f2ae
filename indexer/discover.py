"""Discover: walk folders and archives and describe the image files in them, in the order of their paths."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from ..library.catalog.changes import ArchiveListed
from ..library.errors import FolderNotFound, FolderUnusable, ImageUnreadable
from ..library.images.archives import MEMBER_MARK, Member, is_archive_name, open_archive
from ..library.images.formats import RAW_SUFFIXES
from ..library.images.metadata.sidecars import by_image, folder_of_root, is_inside, is_sidecar_name, state_of
from ..library.images.sources import Failed, FileState

# ruff: noqa: PTH122


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


def failed(path: str, root: str, reason: str) -> Failed:
    """Return the failure of a file that could not even be described."""
    return Failed(FileState(path, root, size_bytes=0, mtime_ns=0), "discover", reason)


def look_into(found: FileState | Failed, is_intact: Callable[[FileState], bool]) -> Iterator[Found]:
    """Yield the images in an archive, which was found as given, in the order of their paths.

    What the archive itself is said of has its path and "!", where its members' paths go on with a slash.
    """
    if isinstance(found, Failed):
        yield Unlisted(replace(found, file=replace(found.file, path=f"{found.file.path}!")))
        return
    path = found.path
    archive = replace(found, path=f"{path}!")
    if is_intact(archive):
        yield Intact(path + MEMBER_MARK)
        return
    try:
        opened = open_archive(path)
    except ImageUnreadable as error:
        yield Unlisted(Failed(archive, "discover", error.reason))
        return
    except OSError as error:
        yield Unlisted(Failed(archive, "discover", f"cannot be read: {error.strerror or error}"))
        return
    if opened.damage:
        yield Unlisted(Failed(archive, "discover", opened.damage))
    listed = opened.members()
    files = {member.name: member.size_bytes for member in listed if is_sidecar_name(member.name)}
    sidecars = by_image(files)
    looked_at = (member for member in listed if _is_inside_image(member) or _is_nested(member))
    members = sorted((path + MEMBER_MARK + member.name, member) for member in looked_at)
    for member_path, member in members:
        yield _member(member_path, member, archive, files, sidecars)
    yield ArchiveListed(archive, len(members))


def _is_inside_image(member: Member) -> bool:
    return is_image_name(member.name) and _is_in_sight(member)


def _is_nested(member: Member) -> bool:
    """Whether a member is an archive itself: it is not opened, and not passed by in silence."""
    return is_archive_name(member.name) and _is_in_sight(member)


def _is_in_sight(member: Member) -> bool:
    # What begins with a dot is hidden, and "..", as an empty part, would lead out of the archive.
    return all(part and not is_skipped(part) for part in member.name.split("/"))


def _member(
    path: str, member: Member, archive: FileState, files: Mapping[str, int], sidecars: dict[str, list[str]]
) -> FileState | Failed:
    """Describe one member; `files` are the sizes of the sidecars in the archive, `sidecars` their names by image."""
    state = state_of(member.name, sidecars, lambda name: (files[name], archive.mtime_ns))
    file = FileState(path, archive.root, member.size_bytes, archive.mtime_ns, state, member.offset)
    problem = _NESTED if _is_nested(member) else member.problem
    return Failed(file, "read", problem) if problem else file


_NESTED = "an archive inside another, which is not opened: unpack it, and index its folder"


# Paths stay plain strings here: a Path each for a million files would cost half a minute.
# ruff: noqa: PTH208, PTH100, PTH112, PTH116, PTH118, PTH206


# How `_names` marks an archive, in whose place its members are sorted; no name of a folder ends so.
_ARCHIVE = MEMBER_MARK + "/"


def as_roots(paths: Iterable[Path]) -> list[str]:
    """Return the paths to index, made absolute, less those that lie inside another.

    Raises:
        FolderNotFound: one of them does not exist.
        FolderUnusable: one of them cannot be looked at.
    """
    roots: list[Path] = []
    # Sorted part by part, so that whatever lies inside a path comes right after it.
    for path in sorted({Path(os.path.abspath(path)) for path in paths}):
        _check_root(path)
        if not roots or not path.is_relative_to(roots[-1]):
            roots.append(path)
    return [f"{root}!" if is_archive_name(root.name) and root.is_file() else str(root) for root in roots]


def as_path(root: str) -> Path:
    """Return the path of which `as_roots` made `root`."""
    archive = root.removesuffix("!")
    return Path(archive if archive != root and is_archive_name(archive) and not os.path.isdir(root) else root)


def _never(_archive: FileState) -> bool:
    return False


def _unheard(_folder: str) -> None:
    pass


def discover(
    root: str,
    is_intact: Callable[[FileState], bool] = _never,
    within: str | None = None,
    on_hidden: Callable[[str], None] = _unheard,
) -> Iterator[Found]:
    """Yield the image files at `root` or below it, and those in archives, as `ARCHIVE!/MEMBER`.

    They come in the order of their paths by code point, so that they can be merged with the catalogue's rows.
    Hidden files and folders are skipped; links are followed, each folder entered once. Sidecars are not followed out of
    the root: whoever can put a link there could have any file read as words.

    Args:
        root: a path that `as_roots` returned.
        is_intact: is asked of an archive whether it need not be opened; its path is given with the "!".
        within: the root of which this one is a part, if it is.
        on_hidden: is told of each folder that is passed by for its name.
    """
    place = _Place(root, folder_of_root(within or root), on_hidden)
    if os.path.isdir(root):
        yield from _walk(place, is_intact)
    elif root.endswith("!") and is_archive_name(root[:-1]):
        for archive in _describe(root[:-1], place, {}):
            yield from look_into(archive, is_intact)
    else:
        yield from _describe(root, place)


def enters(root: str, path: str) -> bool:
    """Whether `discover(root)` comes by `path`, at `root` or below it, rather than skipping it as hidden.

    What was indexed by name, or from inside a hidden folder, may lie below a root whose walk passes it by.
    """
    return path == root or not any(map(is_skipped, os.path.relpath(path, root).split(os.sep)))


def covers(root: str, path: str) -> bool:
    """Whether `discover(root)` would yield the file at `path`, were it there."""
    return path == root or (is_image_name(path) and enters(root, path))


def _check_root(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderNotFound(path) from error
    except OSError as error:
        raise FolderUnusable(path, error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class _Place:
    """What is looked through, and the folder out of which no sidecar may lead."""

    root: str
    folder: str
    on_hidden: Callable[[str], None] = _unheard


def _walk(place: _Place, is_intact: Callable[[FileState], bool]) -> Iterator[Found]:
    root = place.root
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
            yield from _describe(path, place, names.sidecars)
            continue
        if name.endswith(_ARCHIVE):
            for archive in _describe(path.removesuffix(_ARCHIVE), place, {}):
                yield from look_into(archive, is_intact)
            continue
        path = path.rstrip("/") or "/"
        try:
            levels.append((path, _names(path, place, entered)))
        except FileNotFoundError:
            pass  # removed since its parent was listed: it is not there
        except OSError as error:
            yield Unlisted(failed(path, root, f"the folder cannot be listed: {error.strerror}"))


@dataclass(frozen=True, slots=True)
class _Names:
    """What is in a folder: the names to look at, sorted, those of folders with a slash; and its sidecars by image."""

    entries: Iterator[str]
    sidecars: dict[str, list[str]] = field(default_factory=dict)


def _names(folder: str, place: _Place, entered: set[tuple[int, int]]) -> _Names:
    """Return the names in `folder`; none on a second visit."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in entered:
        return _Names(iter(()))
    entered.add(identity)
    with os.scandir(folder) as entries:
        names: list[str] = []
        for entry in entries:
            # A folder sorts as its name and a slash, as the paths of the files below it do.
            if not is_skipped(entry.name):
                names.append(entry.name + "/" * _is_folder(entry))
            elif _is_folder(entry):
                place.on_hidden(os.path.join(folder, entry.name))
    looked_at = {name for name in names if name.endswith("/") or is_image_name(name)}
    # A folder that has the name of an archive's members goes before it: two files would share a path.
    looked_at |= {name + _ARCHIVE for name in names if is_archive_name(name) and name + MEMBER_MARK not in looked_at}
    return _Names(iter(sorted(looked_at)), _sidecars_in(folder, names, place))


def _sidecars_in(folder: str, names: Iterable[str], place: _Place) -> dict[str, list[str]]:
    """Group a folder's sidecars by image; none where a link to the folder led out."""
    sidecars = by_image(names)
    return sidecars if sidecars and is_inside(os.path.join(folder, "_"), place.folder) else {}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        # A link in a circle leads nowhere; behind one that may not be followed could be a folder of known images.
        return error.errno != errno.ELOOP


def _describe(path: str, place: _Place, sidecars: dict[str, list[str]] | None = None) -> Iterator[FileState | Failed]:
    """Yield what the file system says of one file; `sidecars` are those of its folder, None to look for them."""
    root = place.root
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return  # removed since the folder was listed, or a link to nothing: it is not there
    except OSError as error:
        yield failed(path, root, f"cannot be looked at: {error.strerror}")
        return
    if not stat.S_ISREG(status.st_mode):
        yield failed(path, root, "not a regular file")
    else:
        yield FileState.described(path, root, status, _sidecars(path, place, sidecars))


def _sidecars(path: str, place: _Place, sidecars: dict[str, list[str]] | None) -> str:
    folder, name = os.path.split(path)
    if sidecars is None:
        try:
            sidecars = _sidecars_in(folder, os.listdir(folder), place)
        except OSError:
            return ""

    def look(sidecar: str) -> tuple[int, int] | None:
        path = os.path.join(folder, sidecar)
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                if not is_inside(path, place.folder):
                    return None
                status = os.stat(path)
        except OSError:
            return None
        return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    return state_of(name, sidecars, look) if sidecars else ""
