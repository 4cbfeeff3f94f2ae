"""The filter language: `taken_at >= 2023 and path ~ '*/Trips/*' and not camera = 'X100V'`, parsed into a condition.

either    = both { "or" both }
both      = negated { "and" negated }
negated   = "not" negated | "(" either ")" | test
test      = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
          | field "~" text
          | field [ "not" ] "in" "(" value { "," value } ")"
          | field "is" [ "not" ] "null"
          | "near" "(" latitude "," longitude "," distance ")"      as 5 km, 300 m or 2 mi
"""

from __future__ import annotations

import difflib
from typing import Final

from ...library.catalog.conditions import (
    FIELDS,
    All,
    Condition,
    Glob,
    IsNull,
    Kind,
    Matches,
    Near,
    Not,
    Order,
    Some,
    Wildcard,
)
from ...library.errors import FilterError
from .filter_terms import Between, Token, TokenKind, compared, read_distance_m, read_value, spans, tokens

DEEPEST: Final = 50
"""Parentheses and `not`s within each other: far more than anybody writes, far fewer than Python's stack holds."""

LONGEST_PATTERN: Final = 4_000
"""Characters; SQLite takes patterns of 50,000 bytes, and a letter with its other case takes ten at most."""

MOST_TESTS: Final = 200
"""Tests in one filter; SQLite allows an expression to be 1,000 levels deep, and a chain of `and` is as deep as long."""

_ORDERS = {order.value: order for order in Order}
_KEYWORDS = ("and", "or", "not", "in", "is", "null")


def parse_filter(text: str) -> Condition:
    """Read a filter.

    A test is false where the image has no value for its field, and `not` turns false into true: `not camera = 'X'`,
    or `camera != 'X'`, keeps images of unknown cameras. A date may be a year, a month, a day or a moment, and stands
    for all of it: `taken_at = 2023-05` is any time in that May, `taken_at > 2023` begins with 2024. In patterns, `*`
    stands for any characters, `?` for one, and `[*]`, `[?]` and `[[]` for these signs themselves. Capital and small
    letters differ in `=`, `!=` and `in`, and neither in `~` nor in keywords. `near` is true of images with coordinates
    at most so far from a place.

    Raises:
        FilterError: it makes no sense; the error says where.
    """
    return _Parser(text).parse()


class _Parser:
    """One reading of one text, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._place = 0
        self._depth = 0
        self._tests = 0

    def parse(self) -> Condition:
        if not self._text.strip():
            raise FilterError(self._text, 0, "the filter is empty")
        condition = self._either()
        rest = self._take()
        if rest.kind is not TokenKind.END:
            raise self._error(rest, "expected `and`, `or` or the end here")
        return condition

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _error(self, token: Token, reason: str) -> FilterError:
        return FilterError(self._text, token.start, reason)

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._next.is_word("or"):
            self._take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._negated()]
        while self._next.is_word("and"):
            self._take()
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _negated(self) -> Condition:
        token = self._next
        if not (token.is_word("not") or token.is_symbol("(")):
            return self._test()
        self._take()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(token, f"parentheses and `not`s go more than {DEEPEST} deep here")
        if token.is_word("not"):
            condition: Condition = Not(self._negated())
        else:
            condition = self._either()
            if not self._next.is_symbol(")"):
                raise self._error(self._next, f"expected `and`, `or` or the `)` of the `(` at {token.start + 1} here")
            self._take()
        self._depth -= 1
        return condition

    def _test(self) -> Condition:
        self._tests += 1
        if self._tests > MOST_TESTS:
            raise self._error(self._next, f"a filter has at most {MOST_TESTS} tests")
        if self._next.is_word("near") and self._tokens[self._place + 1].is_symbol("("):
            self._take()
            return self._nearness()
        field = self._field()
        token = self._take()
        if token.is_symbol("=", "!=", "<", "<=", ">", ">="):
            return self._comparison(field, token)
        if token.is_symbol("~"):
            return self._pattern(field, token)
        if token.is_word("is"):
            return self._presence(field)
        if token.is_word("in"):
            return self._membership(field)
        if token.is_word("not") and self._next.is_word("in"):
            self._take()
            return Not(self._membership(field))
        raise self._error(token, "expected one of = != < <= > >= ~ in, is null here")

    def _field(self) -> str:
        token = self._take()
        if token.kind is TokenKind.NAME and token.text in FIELDS:
            return token.text
        if token.kind is not TokenKind.NAME or token.is_word(*_KEYWORDS):
            raise self._error(token, f"expected the name of a field here, one of {', '.join(FIELDS)}")
        [*near] = difflib.get_close_matches(token.text.lower(), FIELDS, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(FIELDS)}"
        raise self._error(token, f"no field is called {token.text}; {remedy}")

    def _value(self, field: str) -> Between:
        return read_value(self._text, self._take(), field)

    def _comparison(self, field: str, sign: Token) -> Condition:
        if FIELDS[field] is Kind.TEXT and sign.text not in ("=", "!="):
            raise self._error(sign, f"{field} is a text, which compares with = != ~ and in")
        value = self._value(field)
        if sign.text == "!=":
            return Not(compared(field, Order.EQUAL, value))
        return compared(field, _ORDERS[sign.text], value)

    def _pattern(self, field: str, sign: Token) -> Condition:
        if FIELDS[field] is not Kind.TEXT:
            raise self._error(sign, f"{field} is {FIELDS[field].value}, and `~` is for texts")
        value = self._value(field).first
        if len(str(value)) > LONGEST_PATTERN:
            raise self._error(sign, f"a pattern has at most {LONGEST_PATTERN:,} characters")
        return Matches(field, read_glob(str(value)), any_case=True)

    def _nearness(self) -> Condition:
        """Read what follows `near`."""
        example = "as in near(48.8584, 2.2945, 5 km)"
        opening = self._take()
        if not opening.is_symbol("("):
            raise self._error(opening, f"expected `(` here, {example}")
        latitude = self._degrees("latitude", 90)
        self._comma(example)
        longitude = self._degrees("longitude", 180)
        self._comma(example)
        distance_m = read_distance_m(self._text, self._take(), self._take_unit())
        closing = self._take()
        if not closing.is_symbol(")"):
            raise self._error(closing, f"expected `)` here, {example}")
        return Near(latitude, longitude, distance_m)

    def _comma(self, example: str) -> None:
        token = self._take()
        if not token.is_symbol(","):
            raise self._error(token, f"expected `,` here, {example}")

    def _degrees(self, field: str, most: int) -> float:
        token = self._next
        value = self._value(field).first
        if not isinstance(value, int | float) or abs(value) > most:
            raise self._error(token, f"a {field} lies between -{most} and {most}")
        return float(value)

    def _take_unit(self) -> Token | None:
        return self._take() if self._next.kind is TokenKind.NAME else None

    def _presence(self, field: str) -> Condition:
        negated = self._next.is_word("not")
        if negated:
            self._take()
        token = self._take()
        if not token.is_word("null"):
            raise self._error(token, "expected `null` here, as in `is null` or `is not null`")
        return Not(IsNull(field)) if negated else IsNull(field)

    def _membership(self, field: str) -> Condition:
        token = self._take()
        if not token.is_symbol("("):
            raise self._error(token, "expected `(` here, as in `in (1, 2)`")
        values = [self._value(field)]
        while self._next.is_symbol(","):
            self._take()
            values.append(self._value(field))
        token = self._take()
        if not token.is_symbol(")"):
            raise self._error(token, "expected `,` or `)` here")
        if len(values) > MOST_TESTS and FIELDS[field] is Kind.TIME:
            raise self._error(token, f"at most {MOST_TESTS} dates can be listed")
        return spans(field, values)


def read_glob(pattern: str) -> Glob:
    """Cut a pattern into what stands for itself and what stands for other characters."""
    pieces: list[str | Wildcard] = []
    literal = ""
    place = 0
    while place < len(pattern):
        character = pattern[place]
        bracketed = pattern[place : place + 3]
        if len(bracketed) == 3 and bracketed[0] == "[" and bracketed[1] in "*?[" and bracketed[2] == "]":
            literal += bracketed[1]
            place += 3
            continue
        place += 1
        if character not in "*?":
            literal += character
            continue
        if literal:
            pieces.append(literal)
            literal = ""
        if not (character == "*" and pieces and pieces[-1] is Wildcard.ANY):  # two in a row mean what one does
            pieces.append(Wildcard(character))
    return (*pieces, literal) if literal else tuple(pieces)
