"""photoseek: find pictures in your own folders by words, by example, or both."""

from .api import Library, LibraryInfo, ModelInfo
from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
from .indexer.pipeline import IndexOptions
from .indexer.report import IndexReport, Progress
from .library.captions import ImageText
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
from .library.types import Damage, Failure, Hit, ImageRecord, Label

__all__ = [
    "CatalogUnavailable",
    "Damage",
    "DimensionMismatch",
    "EmbedderError",
    "Failure",
    "FolderNotFound",
    "FolderUnusable",
    "Hit",
    "ImageRecord",
    "ImageText",
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
