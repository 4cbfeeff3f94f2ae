"""photoseek: find pictures in your own folders by words, by example, or both."""

from .api import Library, LibraryInfo, ModelInfo
from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
from .indexer.pipeline import IndexOptions
from .indexer.report import IndexReport, Progress
from .library.errors import (
    AddressRefused,
    CatalogUnavailable,
    DimensionMismatch,
    EmbedderError,
    EvaluationError,
    FilterError,
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
from .search.arithmetic import parse_terms
from .search.evaluate import Evaluation
from .search.filters import parse_filter
from .search.query import Address, KnownImage, Picture, Query, Sort, Term, Words

__all__ = [
    "Address",
    "AddressRefused",
    "CatalogUnavailable",
    "DimensionMismatch",
    "EmbedderError",
    "Evaluation",
    "EvaluationError",
    "Failure",
    "FilterError",
    "FolderNotFound",
    "FolderUnusable",
    "Hit",
    "ImageRecord",
    "ImageUnreadable",
    "IndexOptions",
    "IndexReport",
    "KnownImage",
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
    "Picture",
    "Progress",
    "Query",
    "QueryError",
    "RootEmptied",
    "SettingsError",
    "Sort",
    "Term",
    "UnknownModel",
    "Words",
    "open",
    "parse_filter",
    "parse_terms",
]
