"""How a server is named in a setting: `http://HOST:PORT/v1#MODEL`, with limits as `?concurrency=8&per_minute=60`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ..library.errors import SettingsError
from ..library.settings import VLM_KEY_VARIABLE

_LEAST: Final[Mapping[str, int | float]] = MappingProxyType(
    {"concurrency": 1, "per_minute": 0.0, "timeout_s": 0.001, "attempts": 1, "patience_s": 0.0}
)
"""The limits that a URL may set, and the least that each may be, of its type."""

_FORM: Final = "write http://HOST:PORT/v1#MODEL"


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """How hard a server is pressed.

    `concurrency` requests are under way at once. `per_minute` requests are begun each minute at most; 0 for as many as
    come. `timeout_s` is for one request, and `attempts` for how often it is made before it is given up. `patience_s`
    bounds the waiting between attempts.
    """

    concurrency: int = 4
    per_minute: float = 0.0
    timeout_s: float = 60.0
    attempts: int = 4
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class EndpointName:
    """A server's URL, up to and with its version, the model to ask there, and the limits."""

    url: str
    model: str
    limits: EndpointLimits


def parse_endpoint(text: str) -> EndpointName:
    """Take a setting apart.

    Raises:
        SettingsError: it has a password or no model, or its limits make no sense.
    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError("vlm", f"the server's URL makes no sense ({error}); {_FORM}") from error
    if parts.username is not None or parts.password is not None:
        # The URL is not repeated, since what stands before the @ may be the key.
        raise SettingsError("vlm", f"a server's URL may hold no user or password; put its key in ${VLM_KEY_VARIABLE}")
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError("vlm", f"{url} names no server; {_FORM}")
    if not parts.fragment:
        raise SettingsError("vlm", f"{url} names no model; {_FORM}")
    return EndpointName(url, parts.fragment, _limits(parts.query))


def _limits(query: str) -> EndpointLimits:
    given: dict[str, float] = asdict(EndpointLimits())
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _LEAST:
            raise SettingsError("vlm", f"a server's URL has no setting {name!r}; known are {', '.join(_LEAST)}")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        least = _LEAST[name]
        if not least <= number < float("inf") or (isinstance(least, int) and not number.is_integer()):
            kind = "whole number" if isinstance(least, int) else "number"
            raise SettingsError("vlm", f"{name} of a server's URL must be a {kind} from {least}, not {value!r}")
        given[name] = number
    return EndpointLimits(
        concurrency=int(given["concurrency"]),
        per_minute=given["per_minute"],
        timeout_s=given["timeout_s"],
        attempts=int(given["attempts"]),
        patience_s=given["patience_s"],
    )
