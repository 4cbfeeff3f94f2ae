"""From a model's name to its embedder; nothing is loaded until the embedder is used."""

from __future__ import annotations

from pathlib import Path

from ..errors import UnknownModel
from ..settings import cache_folder
from .base import Embedder

BUILT_IN = "mini"
"""The default model: ships with the package, needs neither torch nor network."""

_FORMS = (
    f"use {BUILT_IN} (built in), an open_clip model as NAME/PRETRAINED (such as ViT-B-32/laion2b_s34b_b79k), "
    "NAME//path/to/checkpoint, hf-hub:OWNER/REPOSITORY or local-dir:FOLDER; "
    "@int8 behind an open_clip name runs it in 8 bits"
)


def load_embedder(name: str, cache: Path | None = None) -> Embedder:
    """Return the embedder of a name; cheap, since models load at first use.

    Args:
        name: the model's.
        cache: a folder for what can be made again, such as models prepared for this processor;
            the user's own unless given.

    Raises:
        UnknownModel: the name has none of the known forms.
    """
    if name == BUILT_IN:
        from .mini import MiniEmbedder

        return MiniEmbedder()
    if "/" in name or name.startswith(("hf-hub:", "local-dir:")):
        from .openclip.embedder import OpenClipEmbedder

        return OpenClipEmbedder(name, (cache or cache_folder()) / "open_clip")
    raise UnknownModel(name, _FORMS)
