"""The verbs of `Library` that speak in vectors: texts and pictures embedded, and images found by a vector."""

from __future__ import annotations

from collections.abc import Sequence

from ..library.files import StrPath
from ..library.types import Hit, Vectors
from ..search.query.query import DEFAULT_K
from .handle import LibraryHandle
from .query_service import QueryService


class VectorVerbs:
    """The part of `Library` for programs that compare, cluster or store vectors themselves."""

    _handle: LibraryHandle
    _queries: QueryService

    @property
    def model_key(self) -> str:
        """What pins the library's model: vectors may be compared where this is the same."""
        return self._handle.embedder.spec.key

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts as queries are, into (n, dim) L2-normalised float32. Needs no library.

        Raises:
            QueryError: one of them is empty.
        """
        return self._queries.embed_texts(texts)

    def embed_images(self, files: Sequence[StrPath]) -> Vectors:
        """Embed the pictures in n files into (n, dim) L2-normalised float32. Needs no library.

        Raises:
            ImageUnreadable: one of them cannot be read as a picture.
        """
        return self._queries.embed_images(files)

    def nearest(self, vectors: Vectors, *, k: int = DEFAULT_K) -> list[list[Hit]]:
        """Return up to `k` images nearest to each of (n, dim) float32 vectors, best first; they need not be normalised.

        Raises:
            DimensionMismatch: the vectors come from another model.
            QueryError: `k` is less than 1, or a vector is zero or not finite.
        """
        return self._queries.nearest(vectors, k)
