"""The catalogue: what is asked of SQL, and every change written to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import sqlalchemy as sa

from ..clock import utc_now
from ..embedders.base import ModelSpec
from ..types import Damage, Failure, ImageIds, ImageRecord, Removed, Vectors
from . import tables
from .browsing import BrowsingCatalog, DuplicatesCatalog
from .changes import Change, IndexedFile, KnownFile
from .conditions import Condition
from .conditions_sql import predicate
from .database import Database, Meta
from .overviews import OverviewCatalog
from .places import PlaceCatalog
from .planning import PAGE_ROWS, PlanningCatalog, below
from .texts import TextCatalog
from .vector_codec import batched, split_rows
from .vlm_answers import CaptionCatalog, JudgementCatalog
from .writing import (
    delete_archives,
    delete_failures,
    delete_images,
    delete_missing,
    delete_seen_deletions,
    delete_stale_judgements,
    delete_stale_places,
    write_changes,
)

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


_NO_DATE_NS = -(2**63 - 1)
"""A date of no file: the earliest there is room for."""


class Catalog:
    """The SQL truth of one library. Thread-safe: every call takes a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.texts = TextCatalog(database)
        self.planning = PlanningCatalog(database, self.texts)
        self.copies = DuplicatesCatalog(database)
        self.browsing = BrowsingCatalog(database)
        self.overviews = OverviewCatalog(database)
        self.judgements = JudgementCatalog(database)
        self.places = PlaceCatalog(database)
        self.captions = CaptionCatalog(database)

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
        self._database.write(lambda *given: write_changes(given[0], changes, model_id, given[1], text_vectors))

    def is_known(self, path: str) -> bool:
        """Whether an image or a failure at `path`, or below it, is on record."""
        image = sa.select(_images.id).where(below(_images.path, path)).exists()
        failure = sa.select(_failures.path).where(below(_failures.path, path)).exists()
        with self._database.reading() as connection:
            return bool(connection.execute(sa.select(sa.or_(image, failure))).scalar_one())

    def is_content_known(self, size_bytes: int, content_hash: str) -> bool:
        """Whether an image that holds exactly this content is on record."""
        same = (_images.size_bytes == size_bytes) & (_images.content_hash == content_hash)
        with self._database.reading() as connection:
            return bool(connection.execute(sa.select(sa.select(_images.id).where(same).exists())).scalar_one())

    def count_at(self, paths: Sequence[str]) -> Removed:
        """Count what `remove` would forget; none of the paths lies inside another."""

        def count(column: sa.Column[str], path: str) -> int:
            return connection.execute(sa.select(sa.func.count()).where(below(column, path))).scalar_one()

        with self._database.reading() as connection:
            images = sum(count(_images.path, path) for path in paths)
            return Removed(images, sum(count(_failures.path, path) for path in paths))

    def remove(self, paths: Sequence[str]) -> Removed:
        """Forget the images and failures at `paths` or below them in one transaction; return how many."""
        with self._database.writing() as (connection, change_seq):
            for path in paths:
                delete_archives(connection, below(tables.archives.c.path, path))
            failures = sum(delete_failures(connection, below(_failures.path, path)) for path in paths)
            images = sum(delete_images(connection, below(_images.path, path), change_seq) for path in paths)
            delete_stale_places(connection)
            return Removed(images, failures)

    def prune(self, missing_before: datetime) -> Removed:
        """Forget the images missing since `missing_before`, in UTC, and answers about pictures no image shows."""
        with self._database.writing() as (connection, change_seq):
            removed = delete_missing(connection, missing_before, change_seq)
            delete_stale_judgements(connection)
            delete_stale_places(connection)
            return removed

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
        query = sa.select(*(_images[name] for name in ImageRecord.__slots__)).where(_images.missing_since.is_(None))
        with self._database.reading() as connection:
            return {
                image_id: ImageRecord(image_id, Path(path), *rest)
                for part in batched(image_ids)
                for image_id, path, *rest in connection.execute(query.where(_images.id.in_(part)))
            }

    def matching_ids(self, condition: Condition) -> ImageIds:
        """Return the ids, ascending, of the images that are there and of which `condition` is true."""
        # As one text: a third of the time that a row for each of them takes. Not of a subquery: SQLite's parser bears
        # no more within one another than conditions on texts have already.
        ids_as_text = sa.func.aggregate_strings(sa.cast(_images.id, sa.Text), ",")
        query = sa.select(ids_as_text).where(_images.missing_since.is_(None), predicate(condition))
        with self._database.reading() as connection:
            ids = np.fromstring(connection.execute(query).scalar() or "", dtype=np.int64, sep=",")
        return np.sort(ids)

    def matching_among(self, image_ids: Sequence[int], condition: Condition) -> list[int]:
        """Return those of `image_ids` that are there and of which `condition` is true."""
        query = sa.select(_images.id).where(_images.missing_since.is_(None), predicate(condition))
        with self._database.reading() as connection:
            return [
                image_id
                for part in batched(image_ids)
                for image_id in connection.execute(query.where(_images.id.in_(part))).scalars()
            ]

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
        query = query.order_by(_images.id).limit(PAGE_ROWS)
        after = 0
        while True:
            with self._database.reading() as connection:
                page = [(int(row.id), str(row.path)) for row in connection.execute(query.where(_images.id > after))]
            if not page:
                return
            yield from page
            after = page[-1][0]

    def indexed_files(self, paths: Sequence[str] = ()) -> list[IndexedFile]:
        """Return the files of the images that are there at or below `paths`, of all where none is given, in order."""
        columns = (_images.id, _images.path, _images.size_bytes, _images.mtime_ns, _images.content_hash)
        query = sa.select(*columns).where(_images.missing_since.is_(None)).order_by(_images.path)
        if paths:
            query = query.where(sa.or_(*(below(_images.path, path) for path in paths)))
        with self._database.reading() as connection:
            return [IndexedFile(*row) for row in connection.execute(query)]

    def forget_dates(self, image_ids: Sequence[int]) -> None:
        """Have the next index read the files of these images again, as if they had been written to."""
        if not image_ids:
            return
        with self._database.writing() as (connection, _):
            for part in batched(image_ids):
                connection.execute(sa.update(tables.images).where(_images.id.in_(part)).values(mtime_ns=_NO_DATE_NS))

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
                for part in batched(touched_ids)
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
            .limit(PAGE_ROWS)
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

    def failed_roots(self) -> list[str]:
        """Return the folders and files, as they were indexed, in which files failed, in the order of their paths."""
        with self._database.reading() as connection:
            return list(connection.execute(sa.select(_failures.root).distinct().order_by(_failures.root)).scalars())

    def damages(self) -> list[Damage]:
        """Return the pictures that were kept with a warning and are there, in the order of their paths."""
        query = sa.select(_images.path, _images.warning).where(_images.warning.is_not(None))
        query = query.where(_images.missing_since.is_(None)).order_by(_images.path)
        with self._database.reading() as connection:
            return [Damage(row.path, row.warning) for row in connection.execute(query)]

    # Generations

    def forget_generation(self, model_id: int) -> None:
        """Note that a model has no vector file any more."""
        with self._database.writing() as (connection, _):
            connection.execute(sa.delete(tables.generations).where(tables.generations.c.model_id == model_id))

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


def _pairs(result: sa.CursorResult[int, bytes]) -> list[tuple[int, bytes]]:
    return [(image_id, vector) for image_id, vector in result]
