"""The server's log: a line of JSON for each request, without what was asked for unless that is wished."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO


@dataclass(slots=True)
class Served:
    """What is told of one request; filled in while it is served. `query` is what was asked for, in words."""

    request_id: str
    method: str
    caller: str = ""
    status: int = 0
    sent_bytes: int = 0
    query: str | None = None
    error: str | None = None


class RequestLog:
    """Writes lines to `stream`; queries only where `with_queries`."""

    def __init__(self, stream: TextIO, *, with_queries: bool = False) -> None:
        self._stream = stream
        self._with_queries = with_queries

    def write(self, served: Served, route: str, took_s: float) -> None:
        """Tell of one request."""
        line: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "error" if served.error else "info",
            "request_id": served.request_id,
            "caller": served.caller,
            "method": served.method,
            "route": route,
            "status": served.status or None,  # none was sent: whoever asked had gone
            "ms": round(took_s * 1_000, 1),
            "bytes": served.sent_bytes,
        }
        if served.error:
            line["error"] = served.error
        if self._with_queries and served.query is not None:
            line["query"] = served.query
        self._put(line)

    def handler(self) -> logging.Handler:
        """Return what writes the messages of photoseek's and the server's modules into this log."""
        return _Lines(self._put)

    def _put(self, line: dict[str, object]) -> None:
        try:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a log that cannot be written is no reason to answer nobody


class _Lines(logging.Handler):
    def __init__(self, put: Callable[[dict[str, object]], None]) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        self._put(
            {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        )
