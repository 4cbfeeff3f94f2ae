"""A library at a glance: pictures by month, by place on the earth and by folder, and in the orders to browse in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from threading import Lock

import sqlalchemy as sa

from . import tables
from .conditions import Area, Condition
from .conditions_sql import predicate
from .database import Database

_MOST_KEYWORDS = 5_000

_images = tables.images.c


class BrowseOrder(Enum):
    """The order in which a library is looked through without a question; ties by the id, the later first."""

    NEWEST = "newest"  # taken last first; those without a date come last, as they do in OLDEST
    OLDEST = "oldest"
    ADDED = "added"  # indexed last first
    NAME = "name"  # by path


@dataclass(frozen=True, slots=True)
class Month:
    """How many images were taken in one month."""

    year: int
    month: int
    count: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Images that were taken near one another: their mean place in degrees, how many they are, and one of them."""

    longitude: float
    latitude: float
    count: int
    image_id: int


class OverviewCatalog:
    """Summaries of one library. Thread-safe; folders and keywords are counted again when the library has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._keywords: tuple[int, dict[str, int]] | None = None
        self._folders: tuple[int, dict[str, int]] | None = None

    def ordered(self, count: int, where: Condition | None, order: BrowseOrder) -> list[int]:
        """Return the ids of up to `count` images of which `where` is true, in this order."""
        by = {
            BrowseOrder.NEWEST: (_images.taken_at.desc().nulls_last(), _images.id.desc()),
            BrowseOrder.OLDEST: (_images.taken_at.asc().nulls_last(), _images.id.desc()),
            BrowseOrder.ADDED: (_images.indexed_at.desc(), _images.id.desc()),
            BrowseOrder.NAME: (_images.path, _images.id.desc()),
        }[order]
        query = sa.select(_images.id).where(_there(where)).order_by(*by).limit(count)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def months(self, where: Condition | None = None) -> list[Month]:
        """Count the dated images of which `where` is true by month, the latest month first."""
        year, month = (sa.extract(part, _images.taken_at) for part in ("year", "month"))
        query = sa.select(year, month, sa.func.count()).where(_there(where), _images.taken_at.is_not(None))
        query = query.group_by(year, month).order_by(year.desc(), month.desc())
        with self._database.reading() as connection:
            return [Month(int(found[0]), int(found[1]), int(found[2])) for found in connection.execute(query)]

    def spots(self, area: Area, cell: float, most: int = 500) -> list[Spot]:
        """Return the images taken within `area`, in cells of so many degrees, the fullest cells first."""
        column, row = (sa.cast(side / cell + 1_000_000, sa.Integer) for side in (_images.longitude, _images.latitude))
        query = (
            sa.select(
                sa.func.avg(_images.longitude), sa.func.avg(_images.latitude), sa.func.count(), sa.func.max(_images.id)
            )
            .where(_there(area))
            .group_by(column, row)
            .order_by(sa.func.count().desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            return [Spot(float(one[0]), float(one[1]), int(one[2]), int(one[3])) for one in connection.execute(query)]

    def folders(self) -> dict[str, int]:
        """Return the folders with images in or below them, within what was indexed, and how many."""
        seq = self._database.meta().change_seq
        with self._lock:
            if self._folders is None or self._folders[0] != seq:
                self._folders = (seq, self._counted_folders())
            return self._folders[1]

    def keywords(self) -> dict[str, int]:
        """Return the keywords of images that are there, the most frequent first, and how many images have each."""
        seq = self._database.meta().change_seq
        with self._lock:
            if self._keywords is None or self._keywords[0] != seq:
                self._keywords = (seq, self._counted_keywords())
            return self._keywords[1]

    def _counted_keywords(self) -> dict[str, int]:
        texts, count = tables.texts.c, sa.func.count()
        query = sa.select(texts.body, count).join_from(tables.texts, tables.images)
        query = query.where(_there(None), texts.kind == "keyword").group_by(texts.body)
        query = query.order_by(count.desc(), texts.body).limit(_MOST_KEYWORDS)
        with self._database.reading() as connection:
            return {body: int(found) for body, found in connection.execute(query)}

    def _counted_folders(self) -> dict[str, int]:
        # A path less all but slashes at its end is its folder: neither database has a name for that.
        folder = sa.func.rtrim(_images.path, sa.func.replace(_images.path, "/", ""))
        query = sa.select(_images.root, folder, sa.func.count()).where(_there(None)).group_by(_images.root, folder)
        counts: Counter[str] = Counter()
        with self._database.reading() as connection:
            for root, found, count in connection.execute(query):
                path = PurePosixPath(found)
                for one in (path, *path.parents):
                    if not one.is_relative_to(root):
                        break
                    counts[str(one)] += count
        return dict(sorted(counts.items()))


def _there(where: Condition | None) -> sa.ColumnElement[bool]:
    there = _images.missing_since.is_(None)
    return there if where is None else sa.and_(there, predicate(where))
