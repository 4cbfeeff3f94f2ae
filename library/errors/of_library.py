"""Errors of a library: its folder, its catalogue, its settings, its vector files."""

from __future__ import annotations

from pathlib import Path

from .base import PhotoseekError


class LibraryError(PhotoseekError):
    """A library folder or its catalogue cannot be used."""


class LibraryNotFound(LibraryError):
    """There is no library where one was to be opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"no library at {self.folder}: make one with `photoseek index FOLDER`, or name another with --library"


class LibraryTooNew(LibraryError):
    """The catalogue's schema was written by a later photoseek."""

    def __init__(self, location: str, found_version: int, known_version: int) -> None:
        super().__init__(location, found_version, known_version)
        self.location = location
        self.found_version = found_version
        self.known_version = known_version

    def __str__(self) -> str:
        return (
            f"{self.location} was made by a newer photoseek (schema {self.found_version}, "
            f"this one reads up to {self.known_version}): upgrade with `pip install -U photoseek`"
        )


class LibraryLocked(LibraryError):
    """Another process is writing to the library."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(folder, owner)
        self.folder = folder
        self.owner = owner

    def __str__(self) -> str:
        return f"{self.folder} is being written by {self.owner}: wait for it to end (index --wait 10min), or stop it"


class LibraryReadOnly(LibraryError):
    """The library was opened so that nothing is written to it, and something was to be."""

    def __init__(self, location: Path | str) -> None:
        super().__init__(location)
        self.location = location

    def __str__(self) -> str:
        return f"{self.location} was opened read-only, and nothing is written to it: open it without that to change it"


class LibraryClosed(LibraryError):
    """The library was closed, and then something was asked of it."""

    def __init__(self, location: Path | str) -> None:
        super().__init__(location)
        self.location = location

    def __str__(self) -> str:
        return f"{self.location} was closed: open it again, or close it last"


class CatalogUnavailable(LibraryError):
    """The catalogue's database refused, vanished or broke."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(location, reason)
        self.location = location
        self.reason = reason

    def __str__(self) -> str:
        return f"the catalogue {self.location} cannot be used: {self.reason}"


class IndexWriteFailed(LibraryError):
    """A new generation of the vector index could not be put on disk; nothing of it stays, and the older one does."""

    def __init__(self, folder: Path, reason: str, remedy: str) -> None:
        super().__init__(folder, reason, remedy)
        self.folder = folder
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot write the vector index in {self.folder}: {self.reason}; {self.remedy}"


class SettingsError(PhotoseekError):
    """A setting has a value that makes no sense."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"
