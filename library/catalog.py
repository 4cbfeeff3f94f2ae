"""The catalogue: every question asked of SQL and every change written to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import sqlalchemy as sa

from . import tables
from .changes import Change, FileState, ImageFacts, KnownContent, KnownFailure, KnownFile
from .clock import utc_now
from .conditions import Condition
from .conditions_sql import predicate
from .database import Database, Meta
from .duplicates_catalog import DuplicatesCatalog
from .embedders.base import ModelSpec
from .removal import (
    delete_archives,
    delete_failures,
    delete_images,
    delete_missing,
    delete_seen_deletions,
    delete_stale_judgements,
)
from .rows import parts, split_rows, unpack_vectors
from .text_catalog import TextCatalog
from .types import Damage, Failure, ImageIds, ImageRecord, Vectors
from .writing import write_changes

_PAGE_ROWS = 5_000

_images = tables.images.c
_embeddings = tables.embeddings.c
_failures = tables.failures.c


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model this library has been indexed with."""

    id: int
    key: str
    name: str
    dim: int


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """What happened to one model's vectors after some change_seq.

    `touched` holds every image id whose vector or presence may differ; `ids` and `vectors` (n, dim) are those
    among them that are there now.
    """

    touched: ImageIds
    ids: ImageIds
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a catalogue holds."""

    images: int
    missing: int
    failures: int


class Catalog:
    """The SQL truth of one library. Thread-safe: every call takes a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.copies = DuplicatesCatalog(database)
        self.texts = TextCatalog(database)

    def meta(self) -> Meta:
        """Read what the library is; see `Database.meta`."""
        return self._database.meta()

    def close(self) -> None:
        """Return every connection."""
        self._database.close()

    # Models

    def models(self) -> list[ModelRow]:
        """Return the models this library has been indexed with, oldest first."""
        columns = tables.models.c
        query = sa.select(columns.id, columns.key, columns.name, columns.dim).order_by(columns.id)
        with self._database.reading() as connection:
            return [ModelRow(*row) for row in connection.execute(query)]

    def ensure_model(self, spec: ModelSpec) -> ModelRow:
        """Return the row of `spec`, adding it when it is new."""
        for row in self.models():
            if row.key == spec.key:
                return row
        values = {"key": spec.key, "name": spec.name, "dim": spec.dim, "created_at": utc_now()}
        with self._database.writing() as (connection, _):
            insert = sa.insert(tables.models).values(values).returning(tables.models.c.id)
            return ModelRow(connection.execute(insert).scalar_one(), spec.key, spec.name, spec.dim)

    # Planning

    def known_files(self, root: str, model_id: int) -> Iterator[KnownFile]:
        """Yield the rows at `root` or below it in the order of their paths, a page of rows in memory at a time."""
        columns = (_images.id, _images.path, _images.size_bytes, _images.mtime_ns, _images.content_hash)
        embedded = sa.and_(_embeddings.image_id == _images.id, _embeddings.model_id == model_id)
        query = (
            sa.select(*columns, _images.missing_since.is_not(None), _embeddings.image_id.is_not(None), _images.sidecars)
            .select_from(tables.images.outerjoin(tables.embeddings, embedded))
            .order_by(_images.path)
            .limit(_PAGE_ROWS)
        )
        # The root itself is asked for apart: in one question with its range, SQLite would sort all rows for each page.
        with self._database.reading() as connection:
            itself = connection.execute(query.where(_images.path == root)).all()
        yield from (KnownFile(*row) for row in itself)
        after, end = _range_inside(root)
        while True:
            with self._database.reading() as connection:
                page = connection.execute(query.where(_images.path > after, _images.path < end)).all()
            yield from (KnownFile(*row) for row in page)
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1].path

    def known_failures(self, root: str) -> dict[str, KnownFailure]:
        """Return the ledger's rows at `root` or below it, by path."""
        query = sa.select(_failures.path, _failures.size_bytes, _failures.mtime_ns, _failures.tries)
        with self._database.reading() as connection:
            rows = connection.execute(query.where(_below(_failures.path, root)))
            return {path: KnownFailure(*rest) for path, *rest in rows}

    def is_archive_intact(self, archive: FileState, model_id: int, *, retry_failed: bool) -> bool:
        """Whether an archive is as it was listed, and all its images are known in this model or known to fail.

        With `retry_failed`, one with failures is not.
        """
        listed = tables.archives.c
        query = sa.select(listed.images).where(listed.path == archive.path)
        query = query.where(listed.size_bytes == archive.size_bytes, listed.mtime_ns == archive.mtime_ns)
        start, end = _range_inside(archive.path)
        known = (
            sa.select(sa.func.count())
            .select_from(tables.images.join(tables.embeddings))
            .where(_images.path > start, _images.path < end, _images.mtime_ns == archive.mtime_ns)
            .where(_images.missing_since.is_(None), _embeddings.model_id == model_id)
        )
        failed = sa.select(sa.func.count()).where(_failures.path > start, _failures.path < end)
        with self._database.reading() as connection:
            images = connection.execute(query).scalar()
            if images is None:
                return False
            failures = connection.execute(failed).scalar_one()
            if failures and retry_failed:
                return False
            return bool(connection.execute(known).scalar_one() + failures == images)

    def known_sizes(self, sizes_bytes: Sequence[int]) -> set[int]:
        """Return those of `sizes_bytes` that some image has: only such a file can hold a known picture."""
        query = sa.select(_images.size_bytes).distinct()
        with self._database.reading() as connection:
            return {
                size_bytes
                for part in parts(sizes_bytes)
                for size_bytes in connection.execute(query.where(_images.size_bytes.in_(part))).scalars()
            }

    def find_content(self, size_bytes: int, content_hash: str, model_id: int) -> list[KnownContent]:
        """Return the images that hold exactly this content, oldest first."""
        embedded = sa.and_(_embeddings.image_id == _images.id, _embeddings.model_id == model_id)
        query = (
            sa.select(*_images, _embeddings.vector)
            .select_from(tables.images.outerjoin(tables.embeddings, embedded))
            .where(_images.size_bytes == size_bytes, _images.content_hash == content_hash)
            .order_by(_images.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        texts = self.texts.inside([row.id for row in rows])
        return [
            KnownContent(
                image_id=row.id,
                path=row.path,
                missing=row.missing_since is not None,
                facts=ImageFacts(**{field: getattr(row, field) for field in ImageFacts.__slots__}),
                vector=None if row.vector is None else unpack_vectors([row.vector])[0],
                sidecars=row.sidecars,
                texts=texts.get(row.id, ()),
            )
            for row in rows
        ]

    # Writing

    def apply(
        self, changes: Sequence[Change], model_id: int, text_vectors: Mapping[str, Vectors] = MappingProxyType({})
    ) -> None:
        """Write all of `changes` in one transaction: every one of them is kept, or none.

        Args:
            changes: what a run found out.
            model_id: the model of the changes' vectors.
            text_vectors: by the words of the changes' texts, their vectors, (dim,) L2-normalised float32.
        """
        with self._database.writing() as (connection, change_seq):
            write_changes(connection, changes, model_id, change_seq, text_vectors)

    def is_known(self, path: str) -> bool:
        """Whether an image or a failure at `path`, or below it, is on record."""
        image = sa.select(_images.id).where(_below(_images.path, path)).exists()
        failure = sa.select(_failures.path).where(_below(_failures.path, path)).exists()
        with self._database.reading() as connection:
            return bool(connection.execute(sa.select(sa.or_(image, failure))).scalar_one())

    def remove(self, paths: Sequence[str]) -> int:
        """Forget the images and failures at `paths` or below them in one transaction; return how many images."""
        with self._database.writing() as (connection, change_seq):
            for path in paths:
                delete_failures(connection, _below(_failures.path, path))
                delete_archives(connection, _below(tables.archives.c.path, path))
            return sum(delete_images(connection, _below(_images.path, path), change_seq) for path in paths)

    def prune(self, missing_before: datetime) -> int:
        """Forget the images missing since `missing_before`, in UTC, and answers about pictures no image shows."""
        with self._database.writing() as (connection, change_seq):
            count = delete_missing(connection, missing_before, change_seq)
            delete_stale_judgements(connection)
            return count

    def forget_deletions(self) -> None:
        """Forget the deletions that no reader needs to be told of any more."""
        with self._database.writing() as (connection, _):
            delete_seen_deletions(connection)

    # Reading

    def counts(self) -> Counts:
        """Count images that are there, images whose files vanished, and recorded failures."""
        missing = _images.missing_since.is_not(None)
        with self._database.reading() as connection:
            total = connection.execute(sa.select(sa.func.count()).select_from(tables.images)).scalar_one()
            gone = connection.execute(sa.select(sa.func.count()).select_from(tables.images).where(missing)).scalar_one()
            failed = connection.execute(sa.select(sa.func.count()).select_from(tables.failures)).scalar_one()
        return Counts(images=total - gone, missing=gone, failures=failed)

    def count_vectors(self, model_id: int, after_seq: int = 0) -> int:
        """Count the vectors of `model_id` whose images are there, all or those changed after `after_seq`."""
        query = sa.select(sa.func.count()).select_from(tables.embeddings.join(tables.images))
        query = query.where(_embeddings.model_id == model_id, _images.missing_since.is_(None))
        if after_seq:
            query = query.where(sa.or_(_embeddings.change_seq > after_seq, _images.change_seq > after_seq))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def images(self, image_ids: Sequence[int]) -> dict[int, ImageRecord]:
        """Return the records of those of `image_ids` that are there, by id."""
        names = [name for name in ImageRecord.__slots__ if name != "path"]
        query = sa.select(_images.path, *(_images[name] for name in names)).where(_images.missing_since.is_(None))
        found: dict[int, ImageRecord] = {}
        with self._database.reading() as connection:
            for part in parts(image_ids):
                for path, *rest in connection.execute(query.where(_images.id.in_(part))):
                    record = ImageRecord(path=Path(path), **dict(zip(names, rest, strict=True)))
                    found[record.id] = record
        return found

    def matching_ids(self, condition: Condition) -> ImageIds:
        """Return the ids, ascending, of the images that are there and of which `condition` is true."""
        query = sa.select(_images.id).where(_images.missing_since.is_(None), predicate(condition)).order_by(_images.id)
        with self._database.reading() as connection:
            return np.fromiter(connection.execute(query).scalars(), dtype=np.int64)

    def sample_ids(self, model_id: int, most: int) -> ImageIds:
        """Return about `most` ids, ascending, of images that are there with a vector of `model_id`; all of fewer.

        Ids are scattered by the multiplicative generator of Park and Miller (1988), so that no pattern in the order of
        files shows; the same library gives the same sample.
        """
        step = max(1, -(-self.count_vectors(model_id) // most))
        query = (
            sa.select(_embeddings.image_id)
            .join(tables.images, _images.id == _embeddings.image_id)
            .where(_embeddings.model_id == model_id, _images.missing_since.is_(None))
            .where(_embeddings.image_id * 48_271 % 2_147_483_647 % step == 0)
            .order_by(_embeddings.image_id)
        )
        with self._database.reading() as connection:
            return np.fromiter(connection.execute(query).scalars(), dtype=np.int64)

    def paths(self) -> Iterator[tuple[int, str]]:
        """Yield the id and path of every image that is there in the order of ids, a page in memory at a time."""
        query = sa.select(_images.id, _images.path).where(_images.missing_since.is_(None))
        query = query.order_by(_images.id).limit(_PAGE_ROWS)
        after = 0
        while True:
            with self._database.reading() as connection:
                page = [(int(row.id), str(row.path)) for row in connection.execute(query.where(_images.id > after))]
            if not page:
                return
            yield from page
            after = page[-1][0]

    def find_file(self, path: str) -> KnownFile | None:
        """Return the row of the image that is there at `path`; its `embedded` is left false."""
        columns = (_images.id, _images.path, _images.size_bytes, _images.mtime_ns, _images.content_hash)
        query = sa.select(*columns).where(_images.path == path, _images.missing_since.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else KnownFile(*row, missing=False, embedded=False)

    def vector_changes(self, model_id: int, dim: int, after_seq: int) -> VectorChanges:
        """Return what happened to the vectors of `model_id` after `after_seq`; 0 asks for everything."""
        there = _images.missing_since.is_(None)
        live = (
            sa.select(_embeddings.image_id, _embeddings.vector)
            .join(tables.images, _images.id == _embeddings.image_id)
            .where(_embeddings.model_id == model_id, there)
        )
        with self._database.reading() as connection:
            if after_seq == 0:
                ids, vectors = split_rows(_pairs(connection.execute(live)), dim)
                return VectorChanges(ids, ids, vectors)
            touched = sa.union(
                sa.select(_images.id).where(_images.change_seq > after_seq),
                sa.select(_embeddings.image_id).where(
                    _embeddings.model_id == model_id, _embeddings.change_seq > after_seq
                ),
                sa.select(tables.deletions.c.image_id).where(tables.deletions.c.change_seq > after_seq),
            )
            touched_ids = [int(image_id) for image_id in connection.execute(touched).scalars()]
            rows = [
                pair
                for part in parts(touched_ids)
                for pair in _pairs(connection.execute(live.where(_embeddings.image_id.in_(part))))
            ]
        return VectorChanges(np.array(sorted(touched_ids), dtype=np.int64), *split_rows(rows, dim))

    def vector_chunks(self, model_id: int, dim: int) -> Iterator[tuple[ImageIds, Vectors]]:
        """Yield all vectors whose images are there in the order of their ids, a chunk in memory at a time."""
        query = (
            sa.select(_embeddings.image_id, _embeddings.vector)
            .join(tables.images, _images.id == _embeddings.image_id)
            .where(_embeddings.model_id == model_id, _images.missing_since.is_(None))
            .order_by(_embeddings.image_id)
            .limit(_PAGE_ROWS)
        )
        after = 0
        while True:
            with self._database.reading() as connection:
                rows = _pairs(connection.execute(query.where(_embeddings.image_id > after)))
            if not rows:
                return
            yield split_rows(rows, dim)
            after = rows[-1][0]

    def failures(self) -> list[Failure]:
        """Return the ledger in the order of its paths."""
        query = sa.select(_failures.path, _failures.stage, _failures.reason, _failures.tries).order_by(_failures.path)
        with self._database.reading() as connection:
            return [Failure(*row) for row in connection.execute(query)]

    def damages(self) -> list[Damage]:
        """Return the pictures that were kept with a warning and are there, in the order of their paths."""
        query = sa.select(_images.path, _images.warning).where(_images.warning.is_not(None))
        query = query.where(_images.missing_since.is_(None)).order_by(_images.path)
        with self._database.reading() as connection:
            return [Damage(row.path, row.warning) for row in connection.execute(query)]

    # Generations

    def generation_number(self, model_id: int) -> int:
        """Return the number of the last vector file published for `model_id`, 0 when there is none."""
        number = tables.generations.c.number
        query = sa.select(sa.func.max(number)).where(tables.generations.c.model_id == model_id)
        with self._database.reading() as connection:
            return connection.execute(query).scalar() or 0

    def record_generation(self, model_id: int, number: int, count: int, change_seq: int) -> None:
        """Note which vector file a model now has; readers see meta.change_seq move and look for it."""
        values = {"model_id": model_id, "number": number, "count": count, "change_seq": change_seq}
        table = tables.generations
        with self._database.writing() as (connection, _):
            connection.execute(sa.delete(table).where(table.c.model_id == model_id))
            connection.execute(sa.insert(table).values(**values, built_at=utc_now()))


def _range_inside(root: str) -> tuple[str, str]:
    """Bounds between which, by code point, the paths inside `root` lie and no others: '0' is next after '/'."""
    folder = root.rstrip("/")
    return folder + "/", folder + "0"


def _below(path: sa.Column[str], root: str) -> sa.ColumnElement[bool]:
    """At `root` itself or inside it."""
    start, end = _range_inside(root)
    return sa.or_(path == root, sa.and_(path > start, path < end))


def _pairs(result: sa.CursorResult[int, bytes]) -> list[tuple[int, bytes]]:
    return [(image_id, vector) for image_id, vector in result]
