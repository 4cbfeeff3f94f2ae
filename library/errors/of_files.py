"""Errors of files and folders: what was given to index, to remove or to write to."""

from __future__ import annotations

from pathlib import Path

from .base import PhotoseekError


class ImageUnreadable(PhotoseekError):
    """One file could not be read as an image."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class FolderNotFound(PhotoseekError):
    """A folder or file given to index does not exist."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: no such file or folder; check the spelling, or whether its disk is mounted"


class FolderUnusable(PhotoseekError):
    """A folder or file given to index is there, but cannot be indexed as it is."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path} cannot be indexed: {self.reason}"


class NothingIndexed(PhotoseekError):
    """The library is there, but no image has been indexed into it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"the library at {self.folder} holds no images yet: add some with `photoseek index FOLDER`"


class NotIndexed(PhotoseekError):
    """A path given to remove, of which the library knows nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: the library knows nothing at or below this path, and nothing was removed"


class RootEmptied(PhotoseekError):
    """A folder that held known images holds none at all: more likely unmounted than emptied."""

    def __init__(self, root: str, known_count: int) -> None:
        super().__init__(root, known_count)
        self.root = root
        self.known_count = known_count

    def __str__(self) -> str:
        return (
            f"{self.root} holds no images, but {self.known_count:,} are known from there: "
            "mount its disk and run again, or add --prune if they are really gone"
        )


class DecodingUnavailable(PhotoseekError):
    """No process to decode files in can be started; no file is to blame."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"pictures cannot be decoded: {self.reason}; free some memory, or try fewer --workers"


class EmptyPath(PhotoseekError):
    """A path was given that is empty, or nothing but blanks: most often a variable of a shell that was not set."""

    def __str__(self) -> str:
        return "an empty path was given: is a variable not set? `.` is the current folder"


class ExportFailed(PhotoseekError):
    """Vectors or results could not be put in a file; what was there before stays."""

    def __init__(self, path: Path, reason: str, remedy: str = "choose another place") -> None:
        super().__init__(path, reason, remedy)
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot export to {self.path}: {self.reason}; {self.remedy}"
