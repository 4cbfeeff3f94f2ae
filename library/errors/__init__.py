"""Every exception photoseek raises on purpose.

    PhotoseekError                  the one the command line catches
    |-- LibraryError                a library folder or its catalogue
    |   |-- LibraryNotFound
    |   |-- LibraryTooNew
    |   |-- LibraryLocked
    |   |-- LibraryReadOnly         opened so that nothing is written
    |   |-- LibraryClosed           used after it was closed
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
    |-- DemoUnavailable             the sample photographs are not installed
    |-- ServerUnavailable           the HTTP server cannot be run as asked
    `-- RemoteError                 a photoseek server is not reached, or says no

Errors carry facts as attributes and word them in `__str__`: what, which file, what to do next.
"""

from .base import PhotoseekError
from .of_files import (
    DecodingUnavailable,
    EmptyPath,
    ExportFailed,
    FolderNotFound,
    FolderUnusable,
    ImageUnreadable,
    NothingIndexed,
    NotIndexed,
    RootEmptied,
)
from .of_library import (
    CatalogUnavailable,
    IndexWriteFailed,
    LibraryClosed,
    LibraryError,
    LibraryLocked,
    LibraryNotFound,
    LibraryReadOnly,
    LibraryTooNew,
    SettingsError,
)
from .of_models import (
    DimensionMismatch,
    EmbedderError,
    EndpointError,
    EndpointRefused,
    EndpointUnavailable,
    ModelMismatch,
    ModelUnavailable,
    NoAnswer,
    NoVisionModel,
    UnknownModel,
)
from .of_questions import AddressRefused, EvaluationError, FilterError, QueryError
from .of_screens import DemoUnavailable, RemoteError, ServerUnavailable, UiUnavailable

__all__ = [
    "AddressRefused",
    "CatalogUnavailable",
    "DecodingUnavailable",
    "DemoUnavailable",
    "DimensionMismatch",
    "EmbedderError",
    "EmptyPath",
    "EndpointError",
    "EndpointRefused",
    "EndpointUnavailable",
    "EvaluationError",
    "ExportFailed",
    "FilterError",
    "FolderNotFound",
    "FolderUnusable",
    "ImageUnreadable",
    "IndexWriteFailed",
    "LibraryClosed",
    "LibraryError",
    "LibraryLocked",
    "LibraryNotFound",
    "LibraryReadOnly",
    "LibraryTooNew",
    "ModelMismatch",
    "ModelUnavailable",
    "NoAnswer",
    "NoVisionModel",
    "NotIndexed",
    "NothingIndexed",
    "PhotoseekError",
    "QueryError",
    "RemoteError",
    "RootEmptied",
    "ServerUnavailable",
    "SettingsError",
    "UiUnavailable",
    "UnknownModel",
]
