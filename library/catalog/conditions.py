"""Conditions on images as plain values, and the fields they may speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias


class Kind(Enum):
    """What the values of a field are."""

    INTEGER = "a whole number"
    REAL = "a number"
    TEXT = "a text"
    TIME = "a date"


FIELDS: Mapping[str, Kind] = MappingProxyType(
    {
        "id": Kind.INTEGER,
        "path": Kind.TEXT,
        "size_bytes": Kind.INTEGER,
        "mtime_ns": Kind.INTEGER,
        "content_hash": Kind.TEXT,
        "width": Kind.INTEGER,
        "height": Kind.INTEGER,
        "format": Kind.TEXT,
        "orientation": Kind.INTEGER,
        "taken_at": Kind.TIME,
        "camera": Kind.TEXT,
        "latitude": Kind.REAL,
        "longitude": Kind.REAL,
        "taken_offset_min": Kind.INTEGER,
        "lens": Kind.TEXT,
        "rating": Kind.INTEGER,
        "colours": Kind.TEXT,
        "perceptual_hash": Kind.INTEGER,
        "warning": Kind.TEXT,
    }
)
"""Every field a condition may name: an attribute of `ImageRecord` that is a column of `images`, both so called."""

Value: TypeAlias = int | float | str | datetime


class Order(Enum):
    """How a field's value is compared with a given one."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


class Wildcard(Enum):
    """A part of a pattern that stands for other characters."""

    ANY = "*"  # any number of characters, none included
    ONE = "?"


Glob: TypeAlias = tuple[str | Wildcard, ...]
"""A pattern, piece by piece: a text stands for itself. The whole value must match."""


@dataclass(frozen=True, slots=True)
class Compared:
    """True where the field has a value and it compares so."""

    field: str
    order: Order
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """True where the field's value is one of `values`."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """True where the field has a value and the pattern fits it, with `any_case` in capital and small letters alike."""

    field: str
    glob: Glob
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """True where the image has coordinates within `distance_m` metres of a place, degrees in WGS 84."""

    latitude: float
    longitude: float
    distance_m: float


UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul, whose words carry their particles
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
)
"""Characters of scripts whose words are not set apart by blanks, as a character class of `re`."""


@dataclass(frozen=True, slots=True)
class TextContains:
    """True where one of the texts about the image holds all these words; letters' case does not count.

    Words are found whole, those of unspaced scripts within others too; whether marks are composed makes no difference.
    """

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameContains:
    """True where the file's path, below what was indexed, holds all these words; letters' case does not count."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """True where the image was taken between these degrees, WGS 84; where `west` is above `east`, across 180."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class IsNull:
    """True where the field has no value."""

    field: str


@dataclass(frozen=True, slots=True)
class HasText:
    """True where words of this kind, `caption`, `title` or `keyword`, are kept about the image."""

    kind: str


@dataclass(frozen=True, slots=True)
class Not:
    """True exactly where `condition` is not: there is no third answer, as in SQL."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class All:
    """True where each of `conditions`, at least one, is."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """True where at least one of `conditions` is."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = (
    Compared | OneOf | Matches | Near | TextContains | NameContains | Area | IsNull | HasText | Not | All | Some
)
