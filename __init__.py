"""photoseek: find pictures in your own folders by words, by example, or both."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Library, LibraryInfo, ModelInfo
    from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
    from .indexer.agenda import Pace
    from .indexer.pipeline import IndexOptions
    from .indexer.report import IndexReport, Progress, WatchReport
    from .indexer.verify import VerifyOptions, VerifyReport
    from .indexer.watch import WatchOptions
    from .library.checks.base import Finding
    from .library.errors import (
        AddressRefused,
        CatalogUnavailable,
        DimensionMismatch,
        EmbedderError,
        EmptyPath,
        EvaluationError,
        ExportFailed,
        FilterError,
        FolderNotFound,
        FolderUnusable,
        ImageUnreadable,
        LibraryClosed,
        LibraryError,
        LibraryLocked,
        LibraryNotFound,
        LibraryReadOnly,
        LibraryTooNew,
        ModelMismatch,
        ModelUnavailable,
        NoAnswer,
        NothingIndexed,
        NotIndexed,
        NoVisionModel,
        PhotoseekError,
        QueryError,
        RemoteError,
        RootEmptied,
        SettingsError,
        UnknownModel,
    )
    from .library.images.metadata.image_text import ImageText
    from .library.kept import Kept
    from .library.types import Damage, Failure, Hit, ImageDetail, ImageRecord, Label, Removed
    from .rerank.base import (
        Box,
        Captioner,
        CaptionStyle,
        Judge,
        Judgement,
        JudgeSpec,
        RerankedHit,
        RerankResult,
        Skipped,
        VisionLanguageModel,
    )
    from .rerank.captioning import CaptionOptions, CaptionReport
    from .rerank.fusion_fit import FusionFit
    from .search.describe import Chance, Classified
    from .search.duplicates import DuplicateGroup, DuplicateOptions, Stack
    from .search.evaluate import Evaluation
    from .search.library_map import Cluster, LibraryMap, MapOptions
    from .search.query.arithmetic import parse_terms
    from .search.query.filters import parse_filter
    from .search.query.query import Address, KnownImage, Picture, Query, Sort, Term, Words
    from .search.texts import TextHit, TextSearch
    from .server import connect
    from .server.client import RemoteLibrary, RemoteRanking

__all__ = [
    "Address",
    "AddressRefused",
    "Box",
    "CaptionOptions",
    "CaptionReport",
    "CaptionStyle",
    "Captioner",
    "CatalogUnavailable",
    "Chance",
    "Classified",
    "Cluster",
    "Damage",
    "DimensionMismatch",
    "DuplicateGroup",
    "DuplicateOptions",
    "EmbedderError",
    "EmptyPath",
    "Evaluation",
    "EvaluationError",
    "ExportFailed",
    "Failure",
    "FilterError",
    "Finding",
    "FolderNotFound",
    "FolderUnusable",
    "FusionFit",
    "Hit",
    "ImageDetail",
    "ImageRecord",
    "ImageText",
    "ImageUnreadable",
    "IndexOptions",
    "IndexReport",
    "Judge",
    "JudgeSpec",
    "Judgement",
    "Kept",
    "KnownImage",
    "Label",
    "Library",
    "LibraryClosed",
    "LibraryError",
    "LibraryInfo",
    "LibraryLocked",
    "LibraryMap",
    "LibraryNotFound",
    "LibraryReadOnly",
    "LibraryTooNew",
    "MapOptions",
    "ModelInfo",
    "ModelMismatch",
    "ModelUnavailable",
    "NoAnswer",
    "NoVisionModel",
    "NotIndexed",
    "NothingIndexed",
    "Pace",
    "PhotoseekError",
    "Picture",
    "Progress",
    "Query",
    "QueryError",
    "RemoteError",
    "RemoteLibrary",
    "RemoteRanking",
    "Removed",
    "RerankResult",
    "RerankedHit",
    "RootEmptied",
    "SettingsError",
    "Skipped",
    "Sort",
    "Stack",
    "Term",
    "TextHit",
    "TextSearch",
    "UnknownModel",
    "VerifyOptions",
    "VerifyReport",
    "VisionLanguageModel",
    "WatchOptions",
    "WatchReport",
    "Words",
    "connect",
    "open",
    "parse_filter",
    "parse_terms",
]

_HOMES = {
    ".api": {"Library", "LibraryInfo", "ModelInfo", "open"},
    ".indexer.agenda": {"Pace"},
    ".indexer.pipeline": {"IndexOptions"},
    ".indexer.report": {"IndexReport", "Progress", "WatchReport"},
    ".indexer.verify": {"VerifyOptions", "VerifyReport"},
    ".indexer.watch": {"WatchOptions"},
    ".library.kept": {"Kept"},
    ".library.checks.base": {"Finding"},
    ".library.images.metadata.image_text": {"ImageText"},
    ".library.types": {"Damage", "Failure", "Hit", "ImageDetail", "ImageRecord", "Label", "Removed"},
    ".rerank.base": {
        "Box",
        "CaptionStyle",
        "Captioner",
        "Judge",
        "JudgeSpec",
        "Judgement",
        "RerankResult",
        "RerankedHit",
        "Skipped",
        "VisionLanguageModel",
    },
    ".rerank.captioning": {"CaptionOptions", "CaptionReport"},
    ".rerank.fusion_fit": {"FusionFit"},
    ".search.describe": {"Chance", "Classified"},
    ".search.duplicates": {"DuplicateGroup", "DuplicateOptions", "Stack"},
    ".search.evaluate": {"Evaluation"},
    ".search.library_map": {"Cluster", "LibraryMap", "MapOptions"},
    ".search.query.arithmetic": {"parse_terms"},
    ".search.query.filters": {"parse_filter"},
    ".search.query.query": {"Address", "KnownImage", "Picture", "Query", "Sort", "Term", "Words"},
    ".search.texts": {"TextHit", "TextSearch"},
    ".server.client": {"RemoteLibrary", "RemoteRanking"},
    ".server": {"connect"},
}

# What 0.1 called them first.
_RENAMED = {"RefinedHit": "RerankedHit", "Refinement": "RerankResult", "Tuning": "FusionFit"}

if not TYPE_CHECKING:
    # A name is imported when first asked for: the command line, and the processes that decode, need few of them.
    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _RENAMED:
            import warnings

            warnings.warn(f"photoseek.{name} is now photoseek.{_RENAMED[name]}", DeprecationWarning, stacklevel=2)
            name = _RENAMED[name]
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = next((home for home, names in _HOMES.items() if name in names), ".library.errors")
        value = getattr(import_module(home, __name__), "open_library" if name == "open" else name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
