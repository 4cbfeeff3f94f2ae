"""photoseek: find pictures in your own folders by words, by example, or both."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Library, LibraryInfo, ModelInfo
    from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
    from .indexer.pipeline import IndexOptions
    from .indexer.report import IndexReport, Progress
    from .library.errors import (
        CatalogUnavailable,
        DimensionMismatch,
        EmbedderError,
        FolderNotFound,
        FolderUnusable,
        ImageUnreadable,
        LibraryError,
        LibraryLocked,
        LibraryNotFound,
        LibraryTooNew,
        ModelMismatch,
        ModelUnavailable,
        NothingIndexed,
        PhotoseekError,
        QueryError,
        RootEmptied,
        SettingsError,
        UnknownModel,
    )
    from .library.types import Failure, Hit, ImageRecord, Label

__all__ = [
    "CatalogUnavailable",
    "DimensionMismatch",
    "EmbedderError",
    "Failure",
    "FolderNotFound",
    "FolderUnusable",
    "Hit",
    "ImageRecord",
    "ImageUnreadable",
    "IndexOptions",
    "IndexReport",
    "Label",
    "Library",
    "LibraryError",
    "LibraryInfo",
    "LibraryLocked",
    "LibraryNotFound",
    "LibraryTooNew",
    "ModelInfo",
    "ModelMismatch",
    "ModelUnavailable",
    "NothingIndexed",
    "PhotoseekError",
    "Progress",
    "QueryError",
    "RootEmptied",
    "SettingsError",
    "UnknownModel",
    "open",
]

_ELSEWHERE = {
    "Failure": "library.types",
    "Hit": "library.types",
    "ImageRecord": "library.types",
    "IndexOptions": "indexer.pipeline",
    "IndexReport": "indexer.report",
    "Label": "library.types",
    "Library": "api",
    "LibraryInfo": "api",
    "ModelInfo": "api",
    "Progress": "indexer.report",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: the command line needs few of them, and none for --help."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    home = _import_module(f".{_ELSEWHERE.get(name, 'api' if name == 'open' else 'library.errors')}", __name__)
    value: object = getattr(home, "open_library" if name == "open" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
