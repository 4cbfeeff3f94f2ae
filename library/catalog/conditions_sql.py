"""Turns conditions into SQL predicates in which every value is a bound parameter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Literal, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from .conditions import (
    UNSPACED,
    All,
    Area,
    Compared,
    Condition,
    Glob,
    HasText,
    IsNull,
    Matches,
    NameContains,
    Near,
    Not,
    OneOf,
    Some,
    TextContains,
    Wildcard,
)
from .distance import is_near
from .tables import images, texts

_BETWEEN_WORDS = "\t\n.,;:!?()[]{}'\"/-"
"""What may stand between words beside blanks."""

_BETWEEN_THEIRS = {
    re.compile("[\u0600-\u06ff]"): "،؛؟۔",
    re.compile("[\u0590-\u05ff]"): "־׃",
    re.compile("[\u0900-\u09ff]"): "।॥",
}
"""What else may, beside words in Arabic, in Hebrew, and in Devanagari or Bengali letters."""

_BETWEEN_OTHERS = "“”…–"
"""What else may beside other words. SQLite's parser bears no more than 28 replacements within each other."""

_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
"""Accents are one character with their letter or one of their own, as whoever wrote a text or named a file had it."""

_UNSPACED_WORD = re.compile(f"[{UNSPACED}]")


def predicate(condition: Condition) -> sa.ColumnElement[bool]:  # noqa: PLR0911, PLR0912 - one for each kind of condition
    """Return the predicate on rows of `images` that is true where `condition` is, and false, never null, elsewhere."""
    match condition:
        case Compared(field, order, value):
            return _known(field, images.c[field].bool_op(order.value)(value))
        case OneOf(field, values):
            return _known(field, images.c[field].in_(values))
        case Matches(field, glob, any_case):
            spellings = dict.fromkeys([glob, *(_normalized(glob, form) for form in _FORMS)])
            match = _AnyCaseMatch if any_case else _GlobMatch
            return _known(field, sa.or_(*(match(images.c[field], one) for one in spellings)))
        case Near(latitude, longitude, distance_m):
            return is_near(latitude, longitude, distance_m)
        case TextContains(words):
            return images.c.id.in_(sa.select(texts.c.image_id).where(_say(words)))
        case NameContains(words):
            return _named(words)
        case Area():
            return _within(condition)
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


def _named(words: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a path holds words below what was indexed: what lies above is not for everybody to know."""
    path, root = images.c.path, images.c.root
    name = sa.func.substr(path, sa.func.length(sa.func.rtrim(path, sa.func.replace(path, "/", ""))) + 1)
    below = sa.func.lower(sa.case((path == root, name), else_=sa.func.substr(path, sa.func.length(root) + 1)))
    return sa.and_(*(_contains(below, _spellings(word)) for word in words))


def _within(area: Area) -> sa.ColumnElement[bool]:
    latitude, longitude = images.c.latitude, images.c.longitude
    high = sa.and_(latitude >= area.south, latitude <= area.north)
    wide = [longitude >= area.west, longitude <= area.east]
    across = sa.and_(*wide) if area.west <= area.east else sa.or_(*wide)
    return sa.and_(latitude.is_not(None), longitude.is_not(None), high, across)


def _say(words: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a text holds words. SQLite knows the case of ASCII letters alone: others are tried as written."""
    body: sa.ColumnElement[str] = sa.func.lower(texts.c.body)
    # Most texts do not hold the letters at all, and need no further look: a tenth of the time.
    letters = [_contains(body, _spellings(word)) for word in words]
    whole = [_apart(body, word) for word in words if _UNSPACED_WORD.search(word) is None]
    return sa.and_(*letters, *whole)


def _apart(body: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """Whether a word stands in a text with nothing but blanks and marks around it."""
    theirs = next((marks for letters, marks in _BETWEEN_THEIRS.items() if letters.search(word)), _BETWEEN_OTHERS)
    for character in _BETWEEN_WORDS + theirs:
        body = sa.func.replace(body, character, " ")
    return _contains(" " + body + " ", [f" {spelling} " for spelling in _spellings(word)])


def _contains(body: sa.ColumnElement[str], spellings: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(body.contains(spelling, autoescape=True) for spelling in spellings))


def _spellings(word: str) -> list[str]:
    if word.isascii():
        return [word.lower()]
    cases = (word.lower(), word.upper(), word.capitalize())
    return sorted({unicodedata.normalize(form, case) for form in _FORMS for case in cases})


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


class _AnyCaseMatch(_GlobMatch):
    """The same with each letter standing for its other case as well: SQLite's own folding knows ASCII alone."""

    inherit_cache = False

    def __init__(self, column: sa.Column[Any], glob: Glob) -> None:
        self.on_sqlite = column.bool_op("GLOB")(_sqlite_glob(glob, _cases))
        self.elsewhere = column.bool_op("~")(_regular_expression(glob))


def _cases(character: str) -> str:
    """Return a letter and its other cases, the character alone where it has none of one character."""
    return "".join(dict.fromkeys(one for one in (character, character.lower(), character.upper()) if len(one) == 1))


def _regular_expression(glob: Glob) -> str:
    """Write a pattern as PostgreSQL's regular expression, in which a backslash makes any sign stand for itself."""
    wildcards = {Wildcard.ANY: ".*", Wildcard.ONE: "."}

    def shape(character: str) -> str:
        cases = _cases(character)
        return f"[{cases}]" if len(cases) > 1 else character if character.isalnum() else f"\\{character}"

    return f"^{''.join(wildcards[one] if isinstance(one, Wildcard) else ''.join(map(shape, one)) for one in glob)}$"


def _normalized(glob: Glob, form: Literal["NFC", "NFD"]) -> Glob:
    return tuple(piece if isinstance(piece, Wildcard) else unicodedata.normalize(form, piece) for piece in glob)


def _sqlite_glob(glob: Glob, forms: Callable[[str], str] = str) -> str:
    """Write a pattern for GLOB, in which each of the characters within brackets may stand there.

    `forms` returns the characters that one of the pattern may be.
    """

    def shape(character: str) -> str:
        any_of = forms(character)
        return f"[{any_of}]" if len(any_of) > 1 or character in "*?[" else character

    return "".join(piece.value if isinstance(piece, Wildcard) else "".join(map(shape, piece)) for piece in glob)


def _like(glob: Glob) -> str:
    """Write a pattern for LIKE, with the backslash before a character that stands for itself."""
    wildcards = {Wildcard.ANY: "%", Wildcard.ONE: "_"}
    return "".join(
        wildcards[piece] if isinstance(piece, Wildcard) else "".join(f"\\{c}" if c in "%_\\" else c for c in piece)
        for piece in glob
    )
