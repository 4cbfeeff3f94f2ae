"""What vision-language models said of images, in SQL: their captions, and judgements kept within a size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import sqlalchemy as sa

from ..clock import utc_now
from ..images.metadata.image_text import ImageText
from . import tables
from .conditions import Condition
from .conditions_sql import predicate
from .database import Database
from .planning import below
from .texts import TextModel, sync_texts
from .vector_codec import batched

_images = tables.images.c
_texts = tables.texts.c
_vectors = tables.text_embeddings.c


@dataclass(frozen=True, slots=True)
class Captioned:
    """A caption of the picture that an image had when it was looked at."""

    image_id: int
    content_hash: str
    text: ImageText


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which images are to be captioned: at or below one of `paths`, all of them where none is given; and `where`."""

    paths: tuple[str, ...] = ()
    where: Condition | None = None


class CaptionCatalog:
    """The captions of one library. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wanted(self, wanted: Wanted) -> list[int]:
        """Return the ids, ascending, of the images that are there and meant."""
        return self._ids(self._meant(wanted))

    def lacking(self, wanted: Wanted, source: str, model_id: int) -> list[int]:
        """Return those of them without a text of `source` that has a vector of `model_id`."""
        has = (
            sa.select(_texts.id)
            .join(tables.text_embeddings, _vectors.text_id == _texts.id)
            .where(_texts.image_id == _images.id, _texts.source == source, _vectors.model_id == model_id)
        )
        return self._ids(sa.and_(self._meant(wanted), ~has.exists()))

    def written(self, source: str, image_ids: Sequence[int]) -> dict[int, str]:
        """Return the captions of `source`, by image id."""
        query = sa.select(_texts.image_id, _texts.body).where(_texts.source == source)
        with self._database.reading() as connection:
            return {
                image_id: body
                for part in batched(image_ids)
                for image_id, body in connection.execute(query.where(_texts.image_id.in_(part)))
            }

    def add(self, captions: Sequence[Captioned], family: tuple[str, str], model: TextModel) -> None:
        """Write captions and their vectors in one transaction, in place of older ones of their family.

        An image that changed or went meanwhile is left out.

        Args:
            captions: one for an image, at most.
            family: how the sources of all captions begin and end that these replace.
            model: the model's id and, by their words, the captions' vectors.
        """
        with self._database.writing() as (connection, change_seq):
            there = _contents(connection, [one.image_id for one in captions])
            kept = {one.image_id: (one.text,) for one in captions if there.get(one.image_id) == one.content_hash}
            sources = _sources(connection, list(kept), family) | {one.text.source for one in captions}
            sync_texts(connection, kept, sorted(sources), model, change_seq)

    def _meant(self, wanted: Wanted) -> sa.ColumnElement[bool]:
        there = _images.missing_since.is_(None)
        at = sa.or_(*(below(_images.path, path) for path in wanted.paths)) if wanted.paths else sa.true()
        return sa.and_(there, at, sa.true() if wanted.where is None else predicate(wanted.where))

    def _ids(self, which: sa.ColumnElement[bool]) -> list[int]:
        query = sa.select(_images.id).where(which).order_by(_images.id)
        with self._database.reading() as connection:
            return [int(image_id) for image_id in connection.execute(query).scalars()]


def _contents(connection: sa.Connection, image_ids: Sequence[int]) -> Mapping[int, str]:
    query = sa.select(_images.id, _images.content_hash)
    return {
        image_id: content_hash
        for part in batched(image_ids)
        for image_id, content_hash in connection.execute(query.where(_images.id.in_(part)))
    }


def _sources(connection: sa.Connection, image_ids: Sequence[int], family: tuple[str, str]) -> set[str]:
    start, end = family
    return {
        source
        for part in batched(image_ids)
        for source in connection.execute(sa.select(_texts.source).distinct().where(_texts.image_id.in_(part))).scalars()
        if source.startswith(start) and source.endswith(end)
    }


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

    def held(self) -> list[HeldAnswers]:
        """Return how much is kept of each judge, judgements and answers apart."""
        is_answer = _rows.answer.is_not(None)
        texts = (_rows.content_hash, _rows.judge, _rows.question, sa.func.coalesce(_rows.answer, ""))
        length = sum((sa.func.length(text) for text in texts), start=sa.literal(_ROW_BYTES))
        query = sa.select(_rows.judge, is_answer, sa.func.count(), sa.func.sum(length)).group_by(_rows.judge, is_answer)
        with self._database.reading() as connection:
            return [
                HeldAnswers(judge, bool(answer), int(count), int(size_bytes))
                for judge, answer, count, size_bytes in connection.execute(query)
            ]

    def forget(self, judge: str, *, is_answer: bool) -> None:
        """Forget the judgements, or the answers, of one judge."""
        kind = _rows.answer.is_not(None) if is_answer else _rows.answer.is_(None)
        with self._database.noting() as connection:
            connection.execute(sa.delete(tables.judgements).where(_rows.judge == judge, kind))


_ROW_BYTES: Final = 100
"""What a row takes beside its texts, its two entries in indexes included."""


@dataclass(frozen=True, slots=True)
class HeldAnswers:
    """How much is kept of what one judge said."""

    judge: str
    is_answer: bool
    count: int
    size_bytes: int


def _insert_unless_there(dialect: str) -> sa.Insert:
    """An insert that leaves rows alone that another process wrote meanwhile."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(tables.judgements).on_conflict_do_nothing()
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(tables.judgements).on_conflict_do_nothing()
