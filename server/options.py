"""How the server is run, as a value, and what of it is refused."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..library.errors import ServerUnavailable

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8600


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one caller may cost.

    `max_body_bytes` bounds the body of a request, an uploaded picture's too. `receive_s` is how long it may take to
    arrive, `answer_s` how long an answer may be worked on, `send_s` how long a reader may take over one piece of it;
    an event stream has no end but its readers' patience. `requests_per_s` are a key's, or an address's where no keys
    are needed, and `burst` as many as may come at once. `heavy` bounds the requests that rerank, caption, evaluate or
    look for duplicates at the same time, and `waiting` the searches that wait for their turn.
    """

    max_body_bytes: int = 32 << 20
    receive_s: float = 30.0
    answer_s: float = 120.0
    send_s: float = 30.0
    requests_per_s: float = 500.0
    burst: int = 1_000
    heavy: int = 2
    waiting: int = 1_024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What is served, where it listens, and who may ask from elsewhere.

    `folder`, `model` and `judge` are as `open_library` takes them. `hosts` are names that the server answers to beside
    this machine's own, `origins` those of pages that may ask it (CORS), as `https://shop.example`. With
    `log_queries`, the log tells what was asked for. `workers` are processes.

    Raises:
        ServerUnavailable: an origin is none.
    """

    folder: Path | None = None
    model: str | None = None
    judge: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    read_only: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    log_queries: bool = False
    workers: int = 1
    limits: RequestLimits = field(default_factory=RequestLimits)

    def __post_init__(self) -> None:
        for origin in self.origins:
            scheme, separator, name = origin.partition("://")
            if scheme not in {"http", "https"} or not separator or not name or "/" in name or "*" in name:
                raise ServerUnavailable(f"{origin} is no origin of pages", "write it as https://shop.example")

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
