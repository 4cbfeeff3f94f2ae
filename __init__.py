"""photoseek: find pictures in your own folders by words, by example, or both."""

from .api import Library, LibraryInfo, ModelInfo
from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
from .indexer.agenda import Pace
from .indexer.follow import WatchOptions
from .indexer.pipeline import IndexOptions
from .indexer.report import IndexReport, Progress, WatchReport
from .library.checks.base import Finding
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
    NotIndexed,
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
    "Finding",
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
    "NotIndexed",
    "NothingIndexed",
    "Pace",
    "PhotoseekError",
    "Progress",
    "QueryError",
    "RootEmptied",
    "SettingsError",
    "UnknownModel",
    "WatchOptions",
    "WatchReport",
    "open",
]
