"""Export: vectors and answers as files for other programs and people, and the images' own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.errors import ImageUnreadable
from ..library.files import StrPath, expanded
from ..library.types import Hit, ImageRecord
from .handle import LibraryHandle

# Imported where it is needed: see handle.py.
if TYPE_CHECKING:
    from ..search.export import TileOf, Told


class ExportService:
    """Writes files about one library; `Library` describes its methods."""

    def __init__(self, handle: LibraryHandle) -> None:
        self._handle = handle

    def npy(self, folder: StrPath, progress: Told, *, replace: bool) -> int:
        """Write vectors.npy and images.jsonl."""
        from ..search.export import IMAGES_NAME, VECTORS_NAME, export_npy

        place = expanded(folder)
        self.check_targets([place / VECTORS_NAME, place / IMAGES_NAME], replace=replace)
        return export_npy(self._handle.catalog, self._handle.model, place, replace=replace, progress=progress)

    def parquet(self, file: StrPath, progress: Told, *, replace: bool) -> int:
        """Write vectors and what is known of their images."""
        from ..search.export import export_parquet

        self.check_targets([file], replace=replace)
        return export_parquet(
            self._handle.catalog, self._handle.model, expanded(file), replace=replace, progress=progress
        )

    def csv(self, hits: Sequence[Hit], file: StrPath, fields: Sequence[Mapping[str, object]], *, replace: bool) -> None:
        """Write a table."""
        from ..search.export import write_csv

        self.check_targets([file], replace=replace)
        write_csv(hits, expanded(file), fields, replace=replace)

    def html(self, hits: Sequence[Hit], file: StrPath, title: str, *, replace: bool) -> None:
        """Write a page."""
        from ..search.export import write_html

        self.check_targets([file], replace=replace)
        write_html(title, hits, expanded(file), replace=replace)

    def sheet(self, hits: Sequence[Hit], file: StrPath, title: str, tile_of: TileOf | None, *, replace: bool) -> None:
        """Draw a picture of all."""
        from ..search.export import write_sheet

        self.check_targets([file], replace=replace)
        write_sheet(title, hits, expanded(file), tile_of, replace=replace)

    def check_targets(self, files: Sequence[StrPath], *, replace: bool) -> None:
        """Refuse files that are not to be written."""
        from ..search.targets import check_target

        for file in files:
            check_target(self._handle.catalog, self._handle.folder, expanded(file), replace=replace)

    @staticmethod
    def original(image: ImageRecord) -> Path | bytes:
        """Return an image's own file, or what an archive holds of it."""
        from ..library.images.archives import split_member
        from ..library.images.decoding import DEFAULT_LIMITS
        from ..library.images.sources import read_bytes

        path = str(image.path)
        try:
            if split_member(path) is not None:
                return read_bytes(path, DEFAULT_LIMITS.max_bytes)
            status = image.path.stat()
        except OSError as error:
            raise ImageUnreadable(path, f"cannot be read: {error.strerror}") from error
        if (status.st_size, status.st_mtime_ns) != (image.size_bytes, image.mtime_ns):
            raise ImageUnreadable(path, "changed since it was indexed")
        return image.path
