"""Requests to a server of models and what it answers: paced, limited in time, made again where that may help.

The key goes into one header of requests to the server named, and nowhere else: redirects are refused, proxies of the
environment are not used, and what the server says is searched for it before it is shown.
"""

from __future__ import annotations

import http.client
import json
import math
import random
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..library.errors import EndpointRefused, EndpointUnavailable
from ..library.settings import VLM_KEY_VARIABLE

# Which imports this module.
if TYPE_CHECKING:
    from .endpoint import EndpointName


_LONGEST_COMPLAINT: Final = 200  # characters of a server's own words that fit in one line


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `listed` has the likeliest first tokens with the logarithms of their probabilities, if it came so."""

    text: str
    listed: tuple[tuple[str, float], ...]


def parse_reply(body: bytes) -> Reply:
    """Read a chat completion.

    Raises:
        ValueError: it is none.
    """
    try:
        choice = json.loads(body)["choices"][0]
        text = choice["message"]["content"]
        listed = _listed(choice.get("logprobs"))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no chat completion") from error
    if text is not None and not isinstance(text, str):
        raise ValueError("no chat completion")
    return Reply(_well_formed(text or ""), listed)


def _well_formed(text: str) -> str:
    """Replace the lone halves of characters that JSON may hold, as of an emoji cut in two: no database takes them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _listed(logprobs: object) -> tuple[tuple[str, float], ...]:
    """Return the first token's alternatives, of servers that say nothing of them an empty tuple."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return ()
    alternatives = first.get("top_logprobs") or [first]
    listed = tuple((str(each["token"]), float(each["logprob"])) for each in alternatives)
    if any(math.isnan(logprob) or logprob == math.inf for _, logprob in listed):
        raise ValueError("no chat completion")
    return listed


def complaint(body: bytes) -> str:
    """Return in one line what a server says is wrong; empty where it says nothing that can be read."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    line = " ".join(_well_formed(value).split()) if isinstance(value, str) else ""
    return line if len(line) <= _LONGEST_COMPLAINT else f"{line[:_LONGEST_COMPLAINT]}..."


def model_names(body: bytes) -> list[str]:
    """Return the models that a server lists, none where the answer is no such list."""
    try:
        return [_well_formed(str(each["id"])) for each in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


# Too early, too many, and every way in which a server or what stands before it may be down for a while; 529 is what
# some hosted services say when overloaded.
_TRANSIENT: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 20.0
_MODELS_TIMEOUT_S: Final = 5.0
_MAX_BYTES: Final = 8 << 20
_BLOCK_BYTES: Final = 1 << 16
_MODELS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, waiting for it to pass, and chance from 0 to 1: replaced in tests."""

    now_s: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None
    location: str | None


@dataclass(slots=True)
class RateLimiter:
    """When the next request may begin, shared by all threads."""

    per_minute: float
    _free_s: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def reserve(self, now_s: float) -> float:
        """Take the next free moment and return how many seconds it is away."""
        with self._lock:
            starts_s = max(now_s, self._free_s)
            self._free_s = starts_s + (60.0 / self.per_minute if self.per_minute else 0.0)
            return starts_s - now_s

    def hold(self, until_s: float) -> None:
        """Let no request begin before `until_s`: the server asked for that."""
        with self._lock:
            self._free_s = max(self._free_s, until_s)


class EndpointClient:
    """Asks one server; may be used from several threads."""

    def __init__(self, name: EndpointName, key: str | None, clock: Clock | None = None) -> None:
        self._name = name
        self._key = key
        self._clock = clock or Clock()
        self._pace = RateLimiter(name.limits.per_minute)

    def complete(self, payload: bytes, deadline_s: float | None = None) -> Reply:
        """Send one chat request, JSON, and return the answer.

        Args:
            payload: the request's body.
            deadline_s: on the clock's scale, when the answer is wanted at the latest.

        Raises:
            EndpointRefused: the server says no and will again.
            EndpointUnavailable: no answer came in time, or in as many attempts as the limits allow.
        """
        limits, waited_s = self._name.limits, 0.0
        for attempt in count(1):
            try:
                return self._once(payload, deadline_s)
            except _Again as again:
                wait_s = self._backoff_s(attempt) if again.wait_s is None else again.wait_s
                waited_s += wait_s
                too_late = deadline_s is not None and self._clock.now_s() + wait_s >= deadline_s
                if attempt >= limits.attempts or waited_s > limits.patience_s or too_late:
                    raise again.error from again
                if again.wait_s is not None:
                    self._pace.hold(self._clock.now_s() + wait_s)
                else:
                    self._clock.wait(wait_s)
        raise AssertionError  # unreachable: counting does not end

    def _once(self, payload: bytes, deadline_s: float | None) -> Reply:
        away_s = self._pace.reserve(self._clock.now_s())
        left_s = self._left_s(deadline_s)
        if away_s >= left_s:
            raise self._unavailable("is not asked in time", "allow it a longer budget, or more requests per_minute")
        if away_s > 0:
            self._clock.wait(away_s)
        timeout_s = min(self._name.limits.timeout_s, self._left_s(deadline_s))
        if timeout_s <= 0:
            raise self._unavailable("is not asked in time", "allow it a longer budget")
        try:
            answer = self._exchange("POST", "/chat/completions", payload, timeout_s)
        except TimeoutError as error:
            remedy = "ask fewer at once (?concurrency=1), or allow it longer (?timeout_s=300)"
            raise self._unavailable(f"gave no answer within {timeout_s:.3g} s", remedy) from error
        except (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError) as error:
            reason = f"cannot be reached ({error.strerror or type(error).__name__})"
            raise self._unavailable(reason, "start the server, or correct the URL") from error
        except (OSError, http.client.HTTPException) as error:
            reason = f"broke off ({self._clean(str(error) or type(error).__name__)})"
            raise _Again(self._unavailable(reason, "see its log, or try again later")) from error
        return self._reply(answer)

    def _reply(self, answer: _Answer) -> Reply:
        if answer.status == http.HTTPStatus.OK:
            try:
                return parse_reply(answer.body)
            except ValueError as error:
                remedy = "check that the URL is that of an OpenAI-compatible server; it usually ends in /v1"
                raise _Again(self._unavailable("answers, but with no chat completion", remedy)) from error
        said = self._clean(complaint(answer.body))
        heard = f"answered {answer.status}{f' ({said})' if said else ''}"
        if answer.status in _TRANSIENT:
            busy = self._unavailable(heard, "try again later, or ask less at once (?concurrency=1&per_minute=30)")
            raise _Again(busy, _seconds(answer.retry_after))
        raise self._refusal(answer, heard, said)

    def _refusal(self, answer: _Answer, heard: str, said: str) -> EndpointRefused:
        names_model = "model" in said.lower()
        reason, remedy = heard, "check that the model takes pictures, and see the server's log"
        if answer.status in {401, 403}:
            remedy = f"it wants a key, and ${VLM_KEY_VARIABLE} {'is wrong' if self._key else 'is not set'}"
        elif names_model and (answer.status == http.HTTPStatus.NOT_FOUND or "exist" in said.lower()):
            reason, remedy = f"has no such model: {heard}", self._models_it_has()
        elif answer.status == http.HTTPStatus.NOT_FOUND:
            remedy = "correct the URL; it usually ends in /v1"
        elif answer.location is not None:
            target = self._clean(answer.location.partition("?")[0])
            remedy = f"it sends on to {target}: name that URL if you trust it"
        return EndpointRefused(self._name.url, self._name.model, reason, remedy, answer.status)

    def _models_it_has(self) -> str:
        """Word what the server offers instead; asked once, and it may stay silent."""
        try:
            answer = self._exchange("GET", "/models", None, min(_MODELS_TIMEOUT_S, self._name.limits.timeout_s))
        except (OSError, http.client.HTTPException):
            return "name one that it serves behind the #"
        names = [self._clean(name) for name in model_names(answer.body)]
        if not names:
            return "name one that it serves behind the #"
        more = f" and {len(names) - _MODELS_NAMED} more" if len(names) > _MODELS_NAMED else ""
        return f"it has {', '.join(names[:_MODELS_NAMED])}{more}"

    def _exchange(self, method: str, path: str, payload: bytes | None, timeout_s: float) -> _Answer:
        """Send one request over a connection of its own and read the answer, all within `timeout_s`."""
        parts = urlsplit(self._name.url)
        host, ends_s = parts.hostname or "", self._clock.now_s() + timeout_s
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request(method, f"{parts.path}{path}", body=payload, headers=headers)
            plain = connection.sock
            response = connection.getresponse()
            body = self._body(response, plain, ends_s)
            return _Answer(response.status, body, response.getheader("Retry-After"), response.getheader("Location"))
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse, plain: socket.socket, ends_s: float) -> bytes:
        """Read an answer as it comes: a server that sends a byte a second wins no time."""
        told = response.getheader("Content-Length") or ""
        expected = int(told) if told.isdecimal() else None
        body = b""
        while len(body) != expected:
            left_s = ends_s - self._clock.now_s()
            if left_s <= 0:
                raise TimeoutError
            plain.settimeout(left_s)
            block = response.read1(_BLOCK_BYTES)
            if not block:
                break
            body += block
            if len(body) > _MAX_BYTES:
                raise http.client.HTTPException("its answer is larger than 8 MB")
        if expected is not None and len(body) < expected:
            raise http.client.HTTPException("the connection was cut in the middle of the answer")
        return body

    def _left_s(self, deadline_s: float | None) -> float:
        return float("inf") if deadline_s is None else deadline_s - self._clock.now_s()

    def _backoff_s(self, attempt: int) -> float:
        """Wait twice as long each time, by chance up to half of it less, so that clients do not come back together."""
        return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1)) * (1.0 - 0.5 * self._clock.chance())

    def _unavailable(self, reason: str, remedy: str) -> EndpointUnavailable:
        return EndpointUnavailable(self._name.url, self._name.model, reason, remedy)

    def _clean(self, text: str) -> str:
        """Take the key out of a text that somebody else wrote, and make it one line."""
        line = " ".join(text.split())
        return line.replace(self._key, "***") if self._key else line


class _Again(Exception):
    """An attempt that failed in a way that another may not; `wait_s` is what the server asks to wait first."""

    def __init__(self, error: EndpointUnavailable, wait_s: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.wait_s = wait_s


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After, seconds or a date (RFC 9110, section 10.2.3); None where there is none that makes sense."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
