"""Queries written as sums: `2:golden retriever + ./pool.jpg - fruit`.

    sum     = [ "-" ] term { ( "+" | "-" ) term }
    term    = [ weight ":" ] subject           from 0.01 to 100; no digit may follow the colon: `5:30 train` are words
    subject = quoted words | "id:" number | an http(s) URL | "file:" path, quoted or not | words
            | a path that begins with / ./ ../ or ~

The notation is rclip's (github.com/yurijmikhalevich/rclip). A sign counts only with spaces around it: `close-up` and
`C++` are words. Within double quotes nothing counts, and `""` is one quotation mark: `"Tom - Jerry"` are words.
The wide signs, colon and space of Chinese and Japanese input methods count as the narrow ones do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...library.errors import EmptyPath, QueryError
from ...library.files import is_blank
from .query import Address, KnownImage, Picture, Subject, Term, Words

LIGHTEST: Final = 0.01
HEAVIEST: Final = 100.0
"""Weights beyond these say no more: the other terms count for nothing, or this one does."""

_QUOTED = r'"(?:[^"]|"")*"'
_SIGNS = {"+": "+", "-": "-", "\uff0b": "+", "\uff0d": "-"}
_QUOTED_OR_SIGN = re.compile(rf"{_QUOTED}|(?<!\S)[{re.escape(''.join(_SIGNS))}](?!\S)")
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
# Not before a digit: `5:30 train` and `16:9` are words.
_WEIGHT = re.compile(rf"({_NUMBER})[:\uff1a](?!\d)\s*(.*)", re.DOTALL | re.ASCII)
_SIGNED_WEIGHT = re.compile(rf"[{re.escape(''.join(_SIGNS))}]{_NUMBER}[:\uff1a](?!\d)", re.ASCII)
_KNOWN = re.compile(r"id:(\d{1,18})", re.ASCII)
_ADDRESS = re.compile(r"https?://\S*", re.IGNORECASE)
_FILE = "file:"
_PATH_START = re.compile(r"/|\./|\.\./|~|[A-Za-z]:[\\/]")


def parse_terms(text: str) -> tuple[Term, ...]:
    """Read a sum.

    Raises:
        QueryError: it is empty, two signs stand together, one has nothing to join, or a weight is not from LIGHTEST to
            HEAVIEST.
    """
    return tuple(_term(operand.strip(), text, negative=sign == "-") for sign, operand in _operands(text))


def parse_image(text: str) -> Subject:
    """Read what names a picture: an id, as in `id:12`, a URL, else a path.

    Raises:
        EmptyPath: it is empty.
    """
    known = _KNOWN.fullmatch(text)
    if known:
        return KnownImage(int(known[1]))
    return Address(text) if _ADDRESS.fullmatch(text) else Picture(_path(text))


def _path(text: str) -> Path:
    if is_blank(text):
        raise EmptyPath
    return Path(text)


def _operands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each operand with the sign before it; the first may have none."""
    signs = [match for match in _QUOTED_OR_SIGN.finditer(text) if match.group() in _SIGNS]
    first = text[: signs[0].start()] if signs else text
    if first.strip() or not signs or _SIGNS[signs[0].group()] == "+":
        yield "", first
    ends = [*(sign.start() for sign in signs), len(text)][1:]
    for sign, end in zip(signs, ends, strict=True):
        yield _SIGNS[sign.group()], text[sign.end() : end]


def _term(operand: str, whole: str, *, negative: bool) -> Term:
    if not operand and whole.strip():
        message = f"something is missing beside a sign in: {whole}"
        raise QueryError(message)
    if _SIGNED_WEIGHT.match(operand):
        message = f"a weight has no sign in: {whole}; to keep away from something write ` - ` before it"
        raise QueryError(message)
    weighted = _WEIGHT.fullmatch(operand)
    weight = float(weighted[1]) if weighted else 1.0
    if weighted and not LIGHTEST <= weight <= HEAVIEST:
        message = f"a weight is a number from {LIGHTEST:g} to {HEAVIEST:g}, not {_shortened(weighted[1])}"
        raise QueryError(message)
    return Term(_subject(weighted[2] if weighted else operand), -weight if negative else weight)


def _subject(text: str) -> Subject:
    if re.fullmatch(_QUOTED, text):
        return Words(_unquoted(text))
    if text.startswith(_FILE):
        return Picture(_path(_unquoted(text.removeprefix(_FILE))))
    if _PATH_START.match(text) or _KNOWN.fullmatch(text) or _ADDRESS.fullmatch(text):
        return parse_image(text)
    return Words(text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, text) else text


def _shortened(number: str) -> str:
    return number if len(number) <= 12 else f"{number[:12]}…"
