"""Reads dates as cameras and programs write them: local time, and the offset from UTC when it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_MOMENT = re.compile(
    r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?(?:[.,]\d{1,9})?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_OFFSET = re.compile(r"Z|([+-])(\d{2}):?(\d{2})", re.ASCII)
_LARGEST_OFFSET_MIN = 14 * 60
"""Kiribati's: no clock on land is further from UTC."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Local time without zone, subseconds dropped, and how many minutes it is ahead of UTC, None when unknown."""

    local: datetime
    offset_min: int | None = None


def read_moment(text: str, offset: str = "") -> Moment | None:
    """Read "2024:05:06 07:08:09" or ISO 8601, with its own offset or else `offset`; what never was is None."""
    found = _MOMENT.match(text)
    if found is None:
        return None
    try:
        local = datetime(*(int(part or 0) for part in found.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return None
    return Moment(local, _offset_min(found[7] or offset.strip()))


def _offset_min(text: str) -> int | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    if found[1] is None:
        return 0
    minutes = int(found[2]) * 60 + int(found[3])
    if minutes > _LARGEST_OFFSET_MIN or int(found[3]) > 59:
        return None
    return -minutes if found[1] == "-" else minutes
