"""What the catalogue knows of files: the questions of a run that plans, and where paths lie among each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from ..images.sources import FileState
from . import tables
from .changes import ImageFacts, KnownContent, KnownFailure, KnownFile
from .database import Database
from .texts import TextCatalog
from .vector_codec import batched, unpack_vectors

PAGE_ROWS = 5_000  # read at a time, so that memory does not grow with the library
_PAGE_COPIES = 32

_images = tables.images.c
_embeddings = tables.embeddings.c
_failures = tables.failures.c


class PlanningCatalog:
    """What is known of files and their contents. Thread-safe."""

    def __init__(self, database: Database, texts: TextCatalog) -> None:
        self._database = database
        self._texts = texts

    def known_files(self, root: str, model_id: int) -> Iterator[KnownFile]:
        """Yield the rows at `root` or below it in the order of their paths, a page of rows in memory at a time."""
        columns = (_images.id, _images.path, _images.size_bytes, _images.mtime_ns, _images.content_hash)
        embedded = sa.and_(_embeddings.image_id == _images.id, _embeddings.model_id == model_id)
        query = (
            sa.select(*columns, _images.missing_since.is_not(None), _embeddings.image_id.is_not(None), _images.sidecars)
            .select_from(tables.images.outerjoin(tables.embeddings, embedded))
            .order_by(_images.path)
            .limit(PAGE_ROWS)
        )
        # The root itself is asked for apart: in one question with its range, SQLite would sort all rows for each page.
        with self._database.reading() as connection:
            itself = connection.execute(query.where(_images.path == root)).all()
        yield from (KnownFile(*row) for row in itself)
        after, end = range_inside(root)
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query.where(_images.path > after, _images.path < end)).all()
            yield from (KnownFile(*row) for row in page)
            if len(page) < PAGE_ROWS:
                return
            after = page[-1].path

    def known_failures(self, root: str) -> dict[str, KnownFailure]:
        """Return the ledger's rows at `root` or below it, by path."""
        query = sa.select(_failures.path, _failures.size_bytes, _failures.mtime_ns, _failures.tries, _failures.reason)
        with self._database.reading() as connection:
            rows = connection.execute(query.where(below(_failures.path, root)))
            return {path: KnownFailure(*rest) for path, *rest in rows}

    def is_archive_intact(self, archive: FileState, model_id: int, *, retry_failed: bool) -> bool:
        """Whether an archive is as it was listed, and all its images are known in this model or known to fail.

        With `retry_failed`, one with failures is not, nor one that is damaged itself.
        """
        listed = tables.archives.c
        query = sa.select(listed.images).where(listed.path == archive.path)
        query = query.where(listed.size_bytes == archive.size_bytes, listed.mtime_ns == archive.mtime_ns)
        start, end = range_inside(archive.path)
        known = (
            sa.select(sa.func.count())
            .select_from(tables.images.join(tables.embeddings))
            .where(_images.path > start, _images.path < end, _images.mtime_ns == archive.mtime_ns)
            .where(_images.missing_since.is_(None), _embeddings.model_id == model_id)
        )
        failed = sa.select(sa.func.count()).where(_failures.path > start, _failures.path < end)
        damaged = sa.select(sa.func.count()).where(_failures.path == archive.path)
        with self._database.reading() as connection:
            images = connection.execute(query).scalar()
            if images is None:
                return False
            failures = connection.execute(failed).scalar_one()
            if retry_failed and failures + connection.execute(damaged).scalar_one():
                return False
            return bool(connection.execute(known).scalar_one() + failures == images)

    def known_sizes(self, sizes_bytes: Sequence[int]) -> set[int]:
        """Return those of `sizes_bytes` that some image has: only such a file can hold a known picture."""
        query = sa.select(_images.size_bytes).distinct()
        with self._database.reading() as connection:
            return {
                size_bytes
                for part in batched(sizes_bytes)
                for size_bytes in connection.execute(query.where(_images.size_bytes.in_(part))).scalars()
            }

    def find_content(self, size_bytes: int, content_hash: str, model_id: int) -> Iterator[KnownContent]:
        """Yield the images that hold exactly this content, oldest first, a few in memory at a time."""
        embedded = sa.and_(_embeddings.image_id == _images.id, _embeddings.model_id == model_id)
        query = (
            sa.select(*_images, _embeddings.vector)
            .select_from(tables.images.outerjoin(tables.embeddings, embedded))
            .where(_images.size_bytes == size_bytes, _images.content_hash == content_hash)
            .order_by(_images.id)
            .limit(_PAGE_COPIES)
        )
        after = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(query.where(_images.id > after)).all()
            texts = self._texts.inside([row.id for row in rows])
            for row in rows:
                yield KnownContent(
                    image_id=row.id,
                    path=row.path,
                    missing=row.missing_since is not None,
                    facts=ImageFacts(**{field: getattr(row, field) for field in ImageFacts.__slots__}),
                    vector=None if row.vector is None else unpack_vectors([row.vector])[0],
                    sidecars=row.sidecars,
                    texts=texts.get(row.id, ()),
                )
            if len(rows) < _PAGE_COPIES:
                return
            after = rows[-1].id


def range_inside(root: str) -> tuple[str, str]:
    """Bounds between which, by code point, the paths inside `root` lie and no others: '0' is next after '/'."""
    folder = root.rstrip("/")
    return folder + "/", folder + "0"


def below(path: sa.Column[str], root: str) -> sa.ColumnElement[bool]:
    """At `root` itself or inside it."""
    start, end = range_inside(root)
    return sa.or_(path == root, sa.and_(path > start, path < end))
