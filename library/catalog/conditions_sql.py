"""Turns conditions into SQL predicates in which every value is a bound parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from .conditions import (
    All,
    Compared,
    Condition,
    Glob,
    HasText,
    IsNull,
    Matches,
    Not,
    OneOf,
    Some,
    TextContains,
    Wildcard,
)
from .tables import images, texts

_BETWEEN_WORDS = "\t\n.,;:!?()[]{}'\"/-"
"""What may stand between words beside blanks."""


def predicate(condition: Condition) -> sa.ColumnElement[bool]:  # noqa: PLR0911 - one for each kind of condition
    """Return the predicate on rows of `images` that is true where `condition` is, and false, never null, elsewhere."""
    match condition:
        case Compared(field, order, value):
            return _known(field, images.c[field].bool_op(order.value)(value))
        case OneOf(field, values):
            return _known(field, images.c[field].in_(values))
        case Matches(field, glob):
            return _known(field, _GlobMatch(images.c[field], glob))
        case TextContains(words):
            return images.c.id.in_(sa.select(texts.c.image_id).where(_say(words)))
        case IsNull(field):
            return images.c[field].is_(None)
        case HasText(kind):
            return images.c.id.in_(sa.select(texts.c.image_id).where(texts.c.kind == kind))
        case Not(inner):
            return sa.not_(predicate(inner).self_group())
        case All(conditions):
            return sa.and_(*(predicate(one) for one in conditions))
        case Some(conditions):
            return sa.or_(*(predicate(one) for one in conditions))
        case _:
            assert_never(condition)


def _known(field: str, comparison: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """False instead of null where the field has no value, so that `not` turns it into true."""
    column = images.c[field]
    return sa.and_(column.is_not(None), comparison) if column.nullable else comparison


def _say(words: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a text holds words, whole. SQLite knows the case of ASCII letters alone: others are tried as written."""
    body: sa.ColumnElement[str] = sa.func.lower(texts.c.body)
    # Most texts do not hold the letters at all, and need no further look: a tenth of the time.
    letters = [body.contains(word.lower(), autoescape=True) for word in words if word.isascii()]
    for character in _BETWEEN_WORDS:
        body = sa.func.replace(body, character, " ")
    spaced = " " + body + " "
    whole = [
        sa.or_(*(spaced.contains(f" {spelling} ", autoescape=True) for spelling in _spellings(word))) for word in words
    ]
    return sa.and_(*letters, *whole)


def _spellings(word: str) -> list[str]:
    return [word.lower()] if word.isascii() else sorted({word.lower(), word.upper(), word.capitalize()})


class _GlobMatch(sa.ColumnElement[bool]):
    """A column against a pattern: SQLite's GLOB, whose LIKE ignores case, and LIKE elsewhere, where it counts."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.Column[Any], glob: Glob) -> None:
        self.on_sqlite = column.bool_op("GLOB")(_sqlite_glob(glob))
        self.elsewhere = column.like(_like(glob), escape="\\")


@compiles(_GlobMatch)
def _compile_elsewhere(match: _GlobMatch, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(match.elsewhere, **options)


@compiles(_GlobMatch, "sqlite")
def _compile_on_sqlite(match: _GlobMatch, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(match.on_sqlite, **options)


def _sqlite_glob(glob: Glob) -> str:
    """Write a pattern for GLOB, in which a character within brackets stands for itself."""
    return "".join(
        piece.value if isinstance(piece, Wildcard) else "".join(f"[{c}]" if c in "*?[" else c for c in piece)
        for piece in glob
    )


def _like(glob: Glob) -> str:
    """Write a pattern for LIKE, with the backslash before a character that stands for itself."""
    wildcards = {Wildcard.ANY: "%", Wildcard.ONE: "_"}
    return "".join(
        wildcards[piece] if isinstance(piece, Wildcard) else "".join(f"\\{c}" if c in "%_\\" else c for c in piece)
        for piece in glob
    )
