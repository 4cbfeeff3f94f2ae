"""The verbs that look things up: what is known of an image, and what there is to browse and to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..library.errors import QueryError
from ..library.settings import cache_folder
from ..library.types import ImageRecord, Label
from .opened import Opened

if TYPE_CHECKING:
    from ..library.catalog.browsing import Facets
    from ..library.catalog.conditions import Condition
    from ..search.describe import Describer


class Browsing(Opened):
    """What reads the catalogue; no model is loaded but for `labels`."""

    def version(self) -> int:
        """Return a number that grows whenever the library changes: what was found before holds while it stays.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        return self._store.catalog.meta().change_seq

    def images(self, image_ids: Sequence[int]) -> dict[int, ImageRecord]:
        """Return what is known of those of these images that are there, by id.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        return self._store.catalog.images(image_ids)

    def facets(self) -> Facets:
        """Return the folders, cameras, formats, ratings and dates that the library's images have, with counts.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        return self._store.catalog.browsing.facets()

    def labels(self, image_id: int, *, k: int = 5) -> list[Label]:
        """Return the `k` nouns nearest to an image of the library, best first; its file is not read.

        Raises:
            QueryError: there is no such image, or it was indexed with another model.
            LibraryNotFound: nothing has been indexed yet.
        """
        try:
            vectors = self._vectors.vector_of([image_id])
        except KeyError as error:
            message = f"no image of the library has the id {image_id}, or none of this model"
            raise QueryError(message) from error
        return self._describer.nearest(vectors, k)

    @cached_property
    def _describer(self) -> Describer:
        from ..search.describe import DEFAULT_VOCABULARY, Describer, Vocabulary

        return Describer(self._embedder, Vocabulary.named(DEFAULT_VOCABULARY), cache_folder())

    def newest(self, count: int, where: Condition | None = None) -> list[ImageRecord]:
        """Return up to `count` images of which `where` is true, taken last first; those without a date come last.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        ids = self._store.catalog.browsing.newest(count, where)
        found = self.images(ids)
        return [found[image_id] for image_id in ids if image_id in found]

    def count(self, where: Condition | None = None) -> int:
        """Count the images of which `where` is true; all of them unless given.

        Raises:
            LibraryNotFound: nothing has been indexed yet.
        """
        return self._store.catalog.browsing.count(where)
