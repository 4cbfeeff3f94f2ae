"""Embeds the words that come with images, each wording once: keywords repeat from picture to picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..library.catalog.changes import Change, Indexed, Relocated
from ..library.embedders.base import Embedder
from ..library.embedders.prompts import embed_queries
from ..library.images.metadata.image_text import ImageText
from ..library.types import Vectors

_BATCH = 32

# At 512 dimensions 20 MB.
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class TextEmbedder:
    """Gives words their vectors as a query of the same words gets them, and remembers those it gave."""

    embedder: Embedder
    _known: dict[str, Vectors] = field(default_factory=dict)

    def vectors_of(self, changes: Sequence[Change]) -> Mapping[str, Vectors]:
        """Return the vectors, (dim,) L2-normalised float32, of all words of `changes`."""
        bodies = list(dict.fromkeys(text.body for change in changes for text in _texts(change)))
        new = [body for body in bodies if body not in self._known]
        if len(self._known) + len(new) > _MOST_REMEMBERED:
            self._known = {body: self._known[body] for body in bodies if body in self._known}
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known |= zip(batch, embed_queries(self.embedder, batch), strict=True)
        return {body: self._known[body] for body in bodies}


def _texts(change: Change) -> Iterator[ImageText]:
    if isinstance(change, Indexed):
        yield from change.texts
    elif isinstance(change, Relocated) and change.sidecar is not None:
        yield from change.sidecar.texts
