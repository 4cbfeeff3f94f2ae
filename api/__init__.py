"""The Python API: one object over a library, with the verbs of the command line."""

from .library import Library
from .maintenance_service import IndexedRoot, LibraryInfo, ModelInfo
from .opening import open_library

__all__ = ["IndexedRoot", "Library", "LibraryInfo", "ModelInfo", "open_library"]
