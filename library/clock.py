"""The one clock: UTC without zone, as the catalogue stores its times."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment in UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
