"""The Python API: one object over a library, with the verbs of the command line."""

from .keeping import LibraryInfo, ModelInfo
from .library import Library, open_library

__all__ = ["Library", "LibraryInfo", "ModelInfo", "open_library"]
