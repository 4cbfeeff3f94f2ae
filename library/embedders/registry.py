"""From a model's name to its embedder; nothing is loaded until the embedder is used."""

from __future__ import annotations

from ..errors import UnknownModel
from .base import Embedder

BUILT_IN = "mini"
"""The default model: ships with the package, needs neither torch nor network."""

_FORMS = (
    f"use {BUILT_IN} (built in), an open_clip model as NAME/PRETRAINED (such as ViT-B-32/laion2b_s34b_b79k), "
    "NAME//path/to/checkpoint, hf-hub:OWNER/REPOSITORY or local-dir:FOLDER"
)


def load_embedder(name: str) -> Embedder:
    """Return the embedder of a name; cheap, since models load at first use.

    Raises:
        UnknownModel: the name has none of the known forms.
    """
    if name == BUILT_IN:
        from .mini import MiniEmbedder

        return MiniEmbedder()
    if "/" in name or name.startswith(("hf-hub:", "local-dir:")):
        from .openclip import OpenClipEmbedder

        return OpenClipEmbedder(name)
    raise UnknownModel(name, _FORMS)
