"""Looks into archives for discovery: the images in one, in the order of their paths, as if it were a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ..library.catalog.changes import ArchiveListed
from ..library.errors import ImageUnreadable
from ..library.images.archives import MEMBER_MARK, Member, open_archive
from ..library.images.metadata.sidecars import by_image, is_sidecar_name, state_of
from ..library.images.sources import Failed, FileState
from .found import Found, Intact, Unlisted, failed, is_image_name, is_skipped, is_text


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
    members = sorted((path + MEMBER_MARK + member.name, member) for member in listed if _is_inside_image(member))
    for member_path, member in members:
        yield _member(member_path, member, archive, files, sidecars)
    yield ArchiveListed(archive, len(members))


def _is_inside_image(member: Member) -> bool:
    # What begins with a dot is hidden, and "..", as an empty part, would lead out of the archive.
    return is_image_name(member.name) and all(part and not is_skipped(part) for part in member.name.split("/"))


def _member(
    path: str, member: Member, archive: FileState, files: Mapping[str, int], sidecars: dict[str, list[str]]
) -> FileState | Failed:
    """Describe one member; `files` are the sizes of the sidecars in the archive, `sidecars` their names by image."""
    if not is_text(path):
        return failed(path, archive.root, "the file's name is not valid Unicode: rename it")
    state = state_of(member.name, sidecars, lambda name: (files[name], archive.mtime_ns))
    file = FileState(path, archive.root, member.size_bytes, archive.mtime_ns, state, member.offset)
    return Failed(file, "read", member.problem) if member.problem else file
