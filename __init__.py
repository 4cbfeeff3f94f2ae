"""photoseek: find pictures in your own folders by words, by example, or both."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import Library, LibraryInfo, ModelInfo
    from .api import open_library as open  # noqa: A004 - `photoseek.open(...)` is how it reads
    from .indexer.agenda import Pace
    from .indexer.follow import WatchOptions
    from .indexer.pipeline import IndexOptions
    from .indexer.report import IndexReport, Progress, WatchReport
    from .library.captions import ImageText
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
        RootEmptied,
        SettingsError,
        UnknownModel,
    )
    from .library.types import Damage, Failure, Hit, ImageRecord, Label, Removed
    from .search.arithmetic import parse_terms
    from .search.classify import Chance, Classified
    from .search.duplicates import DuplicateGroup, DuplicateOptions
    from .search.evaluate import Evaluation
    from .search.filters import parse_filter
    from .search.fold import Stack
    from .search.library_map import Cluster, LibraryMap, MapOptions
    from .search.query import Address, KnownImage, Picture, Query, Sort, Term, Words
    from .search.rerank.base import (
        Box,
        Captioner,
        CaptionStyle,
        Judge,
        Judgement,
        JudgeSpec,
        RefinedHit,
        Refinement,
        Skipped,
        VisionLanguageModel,
    )
    from .search.rerank.captioning import CaptionOptions, CaptionReport
    from .search.rerank.tuning import Tuning
    from .search.text_search import TextSearch
    from .search.texts import TextHit

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
    "Hit",
    "ImageRecord",
    "ImageText",
    "ImageUnreadable",
    "IndexOptions",
    "IndexReport",
    "Judge",
    "JudgeSpec",
    "Judgement",
    "KnownImage",
    "Label",
    "Library",
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
    "RefinedHit",
    "Refinement",
    "Removed",
    "RootEmptied",
    "SettingsError",
    "Skipped",
    "Sort",
    "Stack",
    "Term",
    "TextHit",
    "TextSearch",
    "Tuning",
    "UnknownModel",
    "VisionLanguageModel",
    "WatchOptions",
    "WatchReport",
    "Words",
    "open",
    "parse_filter",
    "parse_terms",
]

_HOMES = {
    ".api": {"Library", "LibraryInfo", "ModelInfo", "open"},
    ".indexer.agenda": {"Pace"},
    ".indexer.follow": {"WatchOptions"},
    ".indexer.pipeline": {"IndexOptions"},
    ".indexer.report": {"IndexReport", "Progress", "WatchReport"},
    ".library.captions": {"ImageText"},
    ".library.checks.base": {"Finding"},
    ".library.types": {"Damage", "Failure", "Hit", "ImageRecord", "Label", "Removed"},
    ".search.classify": {"Chance", "Classified"},
    ".search.duplicates": {"DuplicateGroup", "DuplicateOptions"},
    ".search.fold": {"Stack"},
    ".search.library_map": {"Cluster", "LibraryMap", "MapOptions"},
    ".search.text_search": {"TextSearch"},
    ".search.texts": {"TextHit"},
    ".search.arithmetic": {"parse_terms"},
    ".search.evaluate": {"Evaluation"},
    ".search.filters": {"parse_filter"},
    ".search.rerank.base": {
        "Box",
        "CaptionStyle",
        "Captioner",
        "Judge",
        "JudgeSpec",
        "Judgement",
        "RefinedHit",
        "Refinement",
        "Skipped",
        "VisionLanguageModel",
    },
    ".search.rerank.captioning": {"CaptionOptions", "CaptionReport"},
    ".search.rerank.tuning": {"Tuning"},
    ".search.query": {"Address", "KnownImage", "Picture", "Query", "Sort", "Term", "Words"},
}

if not TYPE_CHECKING:
    # A name is imported when first asked for: the command line, and the processes that decode, need few of them.
    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = next((home for home, names in _HOMES.items() if name in names), ".library.errors")
        value = getattr(import_module(home, __name__), "open_library" if name == "open" else name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
