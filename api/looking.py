"""The verbs that look things up: what is known of an image, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..library.types import ImageRecord
from .opened import Opened

if TYPE_CHECKING:
    from ..library.facets_catalog import Facets


class Looking(Opened):
    """What reads the catalogue alone: no model is loaded."""

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
        return self._store.catalog.facets.current()
