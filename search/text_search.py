"""From pictures and words to the texts of a library: what `library.texts` answers with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..library.catalog.catalog import Catalog
from ..library.images.metadata.image_text import ImageText
from ..library.paths import StrPath, expanded
from ..library.types import ImageRecord
from .query.query import KnownImage, Picture, Words
from .query_embedder import QueryEmbedder
from .texts import TextHit, Texts


class TextSearch:
    """From pictures and words to the texts of a library. Thread-safe."""

    def __init__(self, subjects: Callable[[], QueryEmbedder], catalog: Catalog, texts: Callable[[], Texts]) -> None:
        # The model is asked for when something is searched: reading an image's words needs none.
        self._query_embedder = subjects
        self._catalog = catalog
        self._texts = texts

    def of(self, images: Sequence[ImageRecord]) -> dict[int, tuple[ImageText, ...]]:
        """Return the words known about these images, by image id: captions, titles and keywords, with their source."""
        return self._catalog.texts.of([image.id for image in images])

    def search(self, image: StrPath | KnownImage, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to a file's picture or the library's, best first, each wording once.

        Raises:
            ImageUnreadable: the file cannot be read as a picture.
            QueryError: `k` is less than 1, or the library has no such image.
        """
        subject = image if isinstance(image, KnownImage) else Picture(expanded(image))
        return self._texts().nearest(self._query_embedder().vectors_of([subject]), k)

    def search_words(self, text: str, *, k: int = 5) -> list[TextHit]:
        """Return up to `k` stored texts nearest to a text, best first.

        Raises:
            QueryError: `k` is less than 1.
        """
        return self._texts().nearest(self._query_embedder().vectors_of([Words(text)]), k)
