"""The words of the filter language: tokens with their places, numbers, texts, and dates that stand for a period."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from ...library.catalog.conditions import FIELDS, All, Compared, Condition, Kind, OneOf, Order, Some, Value
from ...library.errors import FilterError

LONGEST_TEXT = 10_000
"""Characters; SQLite takes patterns of 50,000 bytes, and a character of a pattern takes four at most."""


class TokenKind(Enum):
    """What a token is."""

    NAME = auto()
    LITERAL = auto()  # a number or a date, told apart by the field it is compared with
    QUOTED = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a filter; `text` is what stands between the quotes, unescaped. `start` counts characters from 0."""

    kind: TokenKind
    text: str
    start: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, in small or capital letters."""
        return self.kind is TokenKind.NAME and self.text.lower() in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind is TokenKind.SYMBOL and self.text in symbols


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<symbol><=|>=|!=|<|>|=|~|\(|\)|,)
  | (?P<literal>[+-]?(?:[0-9]|\.[0-9])[0-9A-Za-z_.:+-]*)
  | (?P<name>[^\W\d]\w*)
  | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
    """,
    re.VERBOSE,
)
_KINDS = {
    "symbol": TokenKind.SYMBOL,
    "literal": TokenKind.LITERAL,
    "name": TokenKind.NAME,
    "quoted": TokenKind.QUOTED,
}


def tokens(text: str) -> list[Token]:
    """Cut a filter into tokens, the last of which is the END.

    Raises:
        FilterError: it is too long, or a character has no place in it.
    """
    if len(text) > LONGEST_TEXT:
        raise FilterError(text[:60], 0, f"a filter has at most {LONGEST_TEXT:,} characters, this one {len(text):,}")
    found: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise FilterError(text, place, _complaint(text[place]))
        group = match.lastgroup or ""
        if group == "quoted":
            found.append(Token(TokenKind.QUOTED, _unquoted(text, place, match.group()), place))
        elif group != "space":
            found.append(Token(_KINDS[group], match.group(), place))
        place = match.end()
    return [*found, Token(TokenKind.END, "", len(text))]


def _complaint(character: str) -> str:
    if character in "'\"":
        return "this quotation mark has no partner"
    return f"{character!r} has no meaning here; texts stand in quotation marks"


def _unquoted(text: str, start: int, quoted: str) -> str:
    mark = quoted[0]
    inner = quoted[1:-1].replace(mark * 2, mark)
    for character in inner:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            place = start + 1 + quoted[1:-1].index(character)
            raise FilterError(text, place, f"the character {character!r} cannot be searched for")
    return inner


_LARGEST = 2**63 - 1  # what both databases hold in a whole number

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,6}))?)?)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Between:
    """A value, or all moments from `first` to just before `end`."""

    first: Value
    end: datetime | None = None


def read_value(text: str, token: Token, field: str) -> Between:
    """Read a token as a value of `field`.

    Raises:
        FilterError: it is none.
    """
    kind = FIELDS[field]
    if kind is Kind.TEXT:
        if token.kind is not TokenKind.QUOTED:
            raise FilterError(text, token.start, f"{field} is a text: expected one in quotation marks here")
        return Between(token.text)
    if kind is Kind.TIME and token.kind in (TokenKind.LITERAL, TokenKind.QUOTED):
        return _period(text, token)
    if kind is not Kind.TIME and token.kind is TokenKind.LITERAL:
        return Between(_number(text, token, field))
    example = "2023-05-17 or '2023-05-17 14:30'" if kind is Kind.TIME else "2000"
    raise FilterError(text, token.start, f"{field} is {kind.value}: expected one, such as {example}, here")


_METRES = {"m": 1.0, "km": 1_000.0, "mi": 1_609.344, "ft": 0.3048}


def read_distance_m(text: str, token: Token, unit: Token | None) -> float:
    """Read a distance in metres: a number with its unit, together or apart.

    Raises:
        FilterError: it is none, or more than half around the globe.
    """
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([a-z]*)", token.text.lower(), re.ASCII)
    name = match[2] if match and match[2] else unit.text.lower() if unit else ""
    if token.kind is not TokenKind.LITERAL or match is None or name not in _METRES or (match[2] and unit):
        raise FilterError(
            text, token.start, f"expected a distance here, such as 5 km; the units are {', '.join(_METRES)}"
        )
    found = float(match[1]) * _METRES[name]
    if found > _HALF_AROUND_M:
        raise FilterError(text, token.start, "no two places are so far apart")
    return found


_HALF_AROUND_M = 20_100_000.0


def compared(field: str, order: Order, value: Between) -> Condition:
    """Compare a field with a value, or with the whole of a period: after it is from its end on."""
    if value.end is None:
        return Compared(field, order, value.first)
    if order is Order.EQUAL:
        return All((Compared(field, Order.AT_LEAST, value.first), Compared(field, Order.LESS, value.end)))
    if order is Order.GREATER:
        return Compared(field, Order.AT_LEAST, value.end)
    if order is Order.AT_MOST:
        return Compared(field, Order.LESS, value.end)
    return Compared(field, order, value.first)


def spans(field: str, values: Sequence[Between]) -> Condition:
    """Return the condition that a field is one of several values, or within one of several periods."""
    if all(value.end is None for value in values):
        return OneOf(field, tuple(value.first for value in values))
    parts = tuple(compared(field, Order.EQUAL, value) for value in values)
    return parts[0] if len(parts) == 1 else Some(parts)


def _number(text: str, token: Token, field: str) -> int | float:
    whole = re.fullmatch(r"[+-]?\d{1,40}", token.text, re.ASCII)
    if whole and abs(int(token.text)) <= _LARGEST:
        return int(token.text)
    if FIELDS[field] is Kind.INTEGER:
        reason = "the number is too large" if whole else f"{field} is a whole number, and {token.text} is none"
        raise FilterError(text, token.start, reason)
    try:
        value = math.nan if "_" in token.text else float(token.text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FilterError(text, token.start, f"{token.text} is not a number")
    return value


def _period(text: str, token: Token) -> Between:
    match = _DATE.fullmatch(token.text.strip())
    if match is None:
        raise FilterError(
            text, token.start, "expected a date here, such as 2023, 2023-05, 2023-05-17 or 2023-05-17T14:30"
        )
    given = {name: digits for name, digits in match.groupdict().items() if digits is not None}
    fraction = given.pop("fraction", None)
    parts = [int(digits) for digits in given.values()]
    year, month, day, hour, minute, second = [*parts, *(1, 1, 1, 0, 0, 0)[len(parts) :]]
    try:
        moment = datetime(year, month, day, hour, minute, second)
        if fraction is not None:
            return Between(moment.replace(microsecond=int(fraction.ljust(6, "0"))))
        return Between(moment, moment + _length(moment, len(parts)))
    except (ValueError, OverflowError) as error:
        raise FilterError(text, token.start, f"there is no such date: {error}") from error


def _length(start: datetime, precision: int) -> timedelta:
    """How long the year, month, day, hour and minute, or second lasts that begins at `start`."""
    days = 366 if calendar.isleap(start.year) else 365
    month_days = calendar.monthrange(start.year, start.month)[1]
    lengths = {
        1: timedelta(days=days),
        2: timedelta(days=month_days),
        3: timedelta(days=1),
        5: timedelta(minutes=1),
        6: timedelta(seconds=1),
    }
    return lengths[precision]
