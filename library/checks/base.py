"""What checks have in common: what they find, and what they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..catalog.database import Database
from ..store import Store


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    `check` names the check, `detail` says what was found and, unless it was `repaired`, what to do about it. What is
    `harmless` changes no answer: a trace of a killed process, or files that changed since they were indexed. What is to
    be mended `by_hand` no repair can mend.
    """

    check: str
    detail: str
    repaired: bool = False
    harmless: bool = False
    by_hand: bool = field(default=False, compare=False)


@dataclass(slots=True)
class CheckContext:
    """A library under examination; with `repair`, held for writing. `unsound` are ids of models with bad vectors."""

    store: Store
    database: Database
    repair: bool
    unsound: set[int] = field(default_factory=set)


Check: TypeAlias = Callable[[CheckContext], Iterator[Finding]]


def counted(count: int, noun: str) -> str:
    """Return `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
