"""Every exception photoseek raises on purpose.

    PhotoseekError                  the one the command line catches
    |-- LibraryError                a library folder or its catalogue
    |   |-- LibraryNotFound
    |   |-- LibraryTooNew
    |   |-- LibraryLocked
    |   |-- LibraryReadOnly         opened so that nothing is written
    |   |-- CatalogUnavailable
    |   `-- IndexWriteFailed        a generation of vectors could not be put on disk
    |-- SettingsError               an environment variable or a line of TOML
    |-- ImageUnreadable             one file; recorded as data while indexing
    |-- FolderNotFound              what was given to index is not there
    |-- FolderUnusable              it is there, but nothing can be indexed from it
    |-- NothingIndexed              a library that holds no images yet
    |-- NotIndexed                  what was given to remove is not known
    |-- RootEmptied                 a folder full of known images has none: is its disk mounted?
    |-- DecodingUnavailable         no process to decode files in can be started
    |-- EmbedderError               a model
    |   |-- UnknownModel
    |   |-- ModelUnavailable        known, but its weights or packages cannot be had
    |   |-- EndpointError           a server of vision-language models gives no answer
    |   |   |-- EndpointRefused     it says no, and will again
    |   |   `-- EndpointUnavailable not reached, too slow, too busy or making no sense: later, perhaps
    |   |-- ModelMismatch           the library holds vectors of other models only
    |   |-- NoVisionModel           an answer was asked for, and no model that gives one is set up
    |   `-- DimensionMismatch
    |-- EvaluationError             labelled queries that cannot be read or measured
    |-- QueryError                  a question that cannot be asked
    |   |-- FilterError             the filter of a question makes no sense; says where
    |   `-- AddressRefused          a picture's URL that is not fetched
    |-- NoAnswer                    a vision-language model said nothing
    |-- EmptyPath                   a path that is empty, as of a variable that was not set
    |-- ExportFailed                vectors or results could not be put in a file
    |-- UiUnavailable               the pages in the browser cannot be served as asked
    `-- DemoUnavailable             the sample photographs are not installed

Errors carry facts as attributes and word them in `__str__`: what, which file, what to do next.
"""

from __future__ import annotations

from pathlib import Path
from unicodedata import east_asian_width

_POINTER_WIDTH = 72
"""Letters of a filter that are shown at most above the caret: a terminal's line."""


class PhotoseekError(Exception):
    """Base of all errors meant for people; its text is one line."""


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
        return f"{self.folder} is being written by {self.owner}: wait for it to end, or stop it"


class LibraryReadOnly(LibraryError):
    """The library was opened so that nothing is written to it, and something was to be."""

    def __init__(self, location: Path | str) -> None:
        super().__init__(location)
        self.location = location

    def __str__(self) -> str:
        return f"{self.location} was opened read-only, and nothing is written to it: open it without that to change it"


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


class EmbedderError(PhotoseekError):
    """A model cannot be used as asked."""


class UnknownModel(EmbedderError):
    """No embedder answers to this name."""

    def __init__(self, name: str, known: str) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"unknown model {self.name!r}: {self.known}"


class ModelUnavailable(EmbedderError):
    """The model is known, but its weights or packages cannot be had here."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(name, reason, remedy)
        self.name = name
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"model {self.name} cannot be loaded: {self.reason}; {self.remedy}"


class EndpointError(EmbedderError):
    """A server that runs a vision-language model gives no answer; `status` is HTTP's, where it came so far."""

    def __init__(self, url: str, model: str, reason: str, remedy: str, status: int | None = None) -> None:
        super().__init__(url, model, reason, remedy, status)
        self.url = url
        self.model = model
        self.reason = reason
        self.remedy = remedy
        self.status = status

    def __str__(self) -> str:
        return f"{self.url} (model {self.model}) {self.reason}; {self.remedy}"


class EndpointRefused(EndpointError):
    """The server says no: to the key, the model's name or the request; asking again changes nothing."""


class EndpointUnavailable(EndpointError):
    """The server is not reached, too slow, too busy or makes no sense; asking again later may help."""


class ModelMismatch(EmbedderError):
    """The library holds vectors of other models, none of this one."""

    def __init__(self, wanted_key: str, present_keys: tuple[str, ...]) -> None:
        super().__init__(wanted_key, present_keys)
        self.wanted_key = wanted_key
        self.present_keys = present_keys

    def __str__(self) -> str:
        present = ", ".join(self.present_keys)
        name = self.wanted_key.partition("@")[0]
        if all(key.partition("@")[0] == name for key in self.present_keys):
            return (
                f"this library was indexed with another version of {name} ({present}, now {self.wanted_key}): "
                "run `photoseek index` on its folders again; nothing in it is lost"
            )
        return (
            f"this library was indexed with {present}, not with {self.wanted_key}: "
            "index again with this model, or search with one it has (--model)"
        )


class NoVisionModel(EmbedderError):
    """No vision-language model is set up, and something was asked that needs one."""

    def __str__(self) -> str:
        return (
            "a question needs a vision-language model: pip install 'photoseek[llava]' and name one, "
            'as in --vlm llava, or vlm = "llava" in the library\'s library.toml; '
            "`photoseek caption` and `photoseek describe` say without one what a picture shows"
        )


class DimensionMismatch(EmbedderError):
    """A vector's length is not the one the index was built for."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"vectors of {self.found} dimensions do not fit an index of {self.expected}: they come from another model"
        )


class QueryError(PhotoseekError):
    """A question that cannot be asked."""


class FilterError(QueryError):
    """A filter cannot be understood. `start` is the place of the trouble, in characters from 0."""

    def __init__(self, text: str, start: int, reason: str) -> None:
        super().__init__(text, start, reason)
        self.text = text
        self.start = start
        self.reason = reason

    def __str__(self) -> str:
        before, after = self.text[max(0, self.start - 20) : self.start], self.text[self.start : self.start + 20]
        return f"{self.summary} (at {before}>>>{after})"

    @property
    def summary(self) -> str:
        """What is wrong, for whoever shows `pointer` below it."""
        return f"filter, character {self.start + 1}: {self.reason}"

    def pointer(self) -> str:
        """The filter in one line, or what of it is near the trouble, and in the next a caret under the place."""
        line = "".join(character if character.isprintable() else " " for character in self.text)
        first = max(0, self.start - _POINTER_WIDTH // 2)
        head = "..." if first else ""
        tail = "..." if len(line) > first + _POINTER_WIDTH else ""
        # Letters of East Asian scripts take two columns of a terminal.
        columns = sum(1 + (east_asian_width(letter) in "WF") for letter in line[first : self.start])
        return f"{head}{line[first : first + _POINTER_WIDTH]}{tail}\n{' ' * (len(head) + columns)}^"


class AddressRefused(QueryError):
    """A picture's URL may not be fetched from here."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url} is not fetched: {self.reason}"


class EvaluationError(PhotoseekError):
    """A file of labelled queries cannot be read, or does not speak of this library."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class NoAnswer(PhotoseekError):
    """A vision-language model was asked, and said nothing; nothing of it is kept."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return f"{self.model} gave no answer: ask again, or in other words"


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


class UiUnavailable(PhotoseekError):
    """The pages in the browser cannot be served as asked."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"the pages cannot be served: {self.reason}; {self.remedy}"


class DemoUnavailable(PhotoseekError):
    """The demo's photographs are not installed."""

    def __str__(self) -> str:
        return "the demo needs scikit-image's sample photographs: pip install 'photoseek[demo]'"
