"""The verbs of `Library` that hand out files: its images' own, and what it writes for other programs and people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.files import StrPath
from ..library.types import Hit, ImageRecord
from .export_service import ExportService

if TYPE_CHECKING:
    from ..search.export import TileOf, Told


def _unheard(_done: int, _total: int) -> None:
    pass


class ExportVerbs:
    """The part of `Library` that exports it."""

    _exports: ExportService

    def original(self, image: ImageRecord) -> Path | bytes:
        """Return an image's file as it is: where it lies or, of an archive's member, its bytes.

        Raises:
            ImageUnreadable: it is gone, cannot be read, or has changed since it was indexed.
        """
        return self._exports.original(image)

    def export_npy(self, folder: StrPath, *, replace: bool = False, progress: Told = _unheard) -> int:
        """Write vectors.npy and images.jsonl, a line for each of its rows; return how many.

        `progress` is told how many of how many rows are written.
        """
        return self._exports.npy(folder, progress, replace=replace)

    def export_parquet(self, file: StrPath, *, replace: bool = False, progress: Told = _unheard) -> int:
        """Write one Parquet file of vectors and what is known of their images; return the rows. Needs pyarrow.

        `progress` is told how many of how many rows are written.
        """
        return self._exports.parquet(file, progress, replace=replace)

    def export_csv(
        self,
        hits: Sequence[Hit],
        file: StrPath,
        *,
        replace: bool = False,
        fields: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """Write a table with a row for each hit; `fields`, one for each, are further columns after the score."""
        self._exports.csv(hits, file, fields, replace=replace)

    def export_html(self, hits: Sequence[Hit], file: StrPath, *, title: str, replace: bool = False) -> None:
        """Write a page with the hits' pictures in it."""
        self._exports.html(hits, file, title, replace=replace)

    def export_sheet(
        self, hits: Sequence[Hit], file: StrPath, *, title: str, tile_of: TileOf | None = None, replace: bool = False
    ) -> None:
        """Draw the hits, or what `tile_of` makes of each, into a picture file: .jpg, .png or .webp."""
        self._exports.sheet(hits, file, title, tile_of, replace=replace)

    def check_targets(self, files: Sequence[StrPath], *, replace: bool = False) -> None:
        """Refuse what the exports would refuse to write to, before the work for them is done."""
        self._exports.check_targets(files, replace=replace)
