"""What a second look said of pictures, remembered in SQL: read, added to, and kept within its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import sqlalchemy as sa

from ..clock import utc_now
from . import tables
from .database import Database
from .vector_codec import batched

KEPT_JUDGEMENTS: Final = 500_000
"""Rows kept, the newest: 50 hits for 10,000 queries, in about 200 MB of SQLite."""

Edges: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of a box, as shares of a picture's width and height."""

_rows = tables.judgements.c
_EDGE_NAMES = ("box_left", "box_top", "box_right", "box_bottom")


@dataclass(frozen=True, slots=True)
class JudgementKey:
    """What was asked of pictures: by whom (`judge` pins model, revision and quantisation), in which words, and what."""

    judge: str
    prompt_version: str
    question: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was said of one picture: a probability with its mass and box, or an answer."""

    probability: float | None = None
    mass: float | None = None
    box: Edges | None = None
    answer: str | None = None


class JudgementCatalog:
    """The judgements of one library, by the content of the pictures. Thread-safe.

    Rows are only ever added, and none depends on another: this needs not the lock that one writer holds, and moves no
    change_seq, so that readers need not look for news.
    """

    def __init__(self, database: Database, kept: int = KEPT_JUDGEMENTS) -> None:
        self._database = database
        self._kept = kept

    def known(self, asked: JudgementKey, content_hashes: Sequence[str]) -> dict[str, Remembered]:
        """Return what was said of those of these pictures that were asked about, by content hash."""
        query = sa.select(
            _rows.content_hash, _rows.probability, _rows.mass, _rows.answer, *(_rows[name] for name in _EDGE_NAMES)
        ).where(
            _rows.judge == asked.judge,
            _rows.prompt_version == asked.prompt_version,
            _rows.question == asked.question,
        )
        found: dict[str, Remembered] = {}
        with self._database.reading() as connection:
            for part in batched(content_hashes):
                for name, probability, mass, answer, *edges in connection.execute(
                    query.where(_rows.content_hash.in_(part))
                ):
                    box = None if edges[0] is None else (edges[0], edges[1], edges[2], edges[3])
                    found[name] = Remembered(probability, mass, box, answer)
        return found

    def remember(self, asked: JudgementKey, said: Mapping[str, Remembered]) -> None:
        """Keep what was `said` of pictures, by content hash, and let the oldest rows beyond the bound go.

        What was kept of the same question before is replaced: it was bad, or an answer was wished for anew.
        Waits little for another writer: an answer can be had again.

        Raises:
            CatalogUnavailable: the database is read-only, full, or busy for longer.
        """
        if not said:
            return
        values = [
            {
                "content_hash": name,
                "judge": asked.judge,
                "prompt_version": asked.prompt_version,
                "question": asked.question,
                "probability": one.probability,
                "mass": one.mass,
                "answer": one.answer,
                "judged_at": utc_now(),
            }
            | dict(zip(_EDGE_NAMES, one.box or (None,) * 4, strict=True))
            for name, one in said.items()
        ]
        before = sa.delete(tables.judgements).where(
            _rows.judge == asked.judge,
            _rows.prompt_version == asked.prompt_version,
            _rows.question == asked.question,
        )
        with self._database.noting() as connection:
            for part in batched(list(said)):
                connection.execute(before.where(_rows.content_hash.in_(part)))
            connection.execute(_insert_unless_there(connection.dialect.name), values)
            # Ids grow, so that no more than `kept` rows lie above this one; counting would read them all.
            newest = sa.select(sa.func.max(_rows.id)).scalar_subquery()
            connection.execute(sa.delete(tables.judgements).where(_rows.id <= newest - self._kept))


def _insert_unless_there(dialect: str) -> sa.Insert:
    """An insert that leaves rows alone that another process wrote meanwhile."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(tables.judgements).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(tables.judgements).on_conflict_do_nothing()
