"""The one object over a library, with the verbs of the command line."""

from __future__ import annotations

from ..library.embedders.base import Embedder
from ..library.paths import StrPath
from .asking import Asking
from .keeping import Keeping
from .looking import Looking


class Library(Keeping, Asking, Looking):
    """A library of images: index folders into it, ask it for pictures.

    Opening touches nothing: the first `index` makes the folder; until then the other verbs raise `LibraryNotFound`.
    Several threads may search at once. As a context manager it closes itself.
    """


def open_library(folder: StrPath | None = None, *, model: str | Embedder | None = None) -> Library:
    """Return the library in `folder`, else in $PHOTOSEEK_LIBRARY, else in the user's data folder.

    Args:
        folder: where the library is, or will be once something is indexed into it.
        model: the embedder's name, such as `mini` or `ViT-B-32/laion2b_s34b_b79k`, or an `Embedder` of your own;
            that of the library's settings unless given.

    Raises:
        SettingsError: the library's settings file makes no sense.
    """
    return Library(folder, model=model)
