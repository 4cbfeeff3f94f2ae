"""The words of the filter language: a text cut into tokens, each with its place; and the errors that point there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

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
