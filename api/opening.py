"""How a library is opened: by its folder, a model and a judge, or what the environment and its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..library.embedders.base import Embedder
from ..library.files import StrPath
from .library import Library

if TYPE_CHECKING:
    from ..rerank.base import Judge


def open_library(
    folder: StrPath | None = None,
    *,
    model: str | Embedder | None = None,
    judge: str | Judge | None = None,
    read_only: bool = False,
    wait_s: float = 0.0,
) -> Library:
    """Return the library in `folder`, else in $PHOTOSEEK_LIBRARY, else in the user's data folder.

    Args:
        folder: where the library is, or will be once something is indexed into it.
        model: the embedder's name, such as `mini` or `ViT-B-32/laion2b_s34b_b79k`, or an `Embedder` of your own;
            that of the library's settings unless given.
        judge: who judges hits to rerank them: `regions`, a vision-language model's name, or a `Judge` of your own;
            unless given, the vision-language model of the library's settings; where they name none, `mini`, or
            `regions` beside another embedding model than mini.
        read_only: write nothing to the library's folder or catalogue: what keeps the library raises `LibraryReadOnly`,
            what asks it works as ever, and remembers no answers. A library that may not be written needs it not.

        wait_s: how long what writes waits for another process that is writing to the library.

    Raises:
        SettingsError: the library's settings file makes no sense.
    """
    return Library(folder, model=model, judge=judge, read_only=read_only, wait_s=wait_s)
