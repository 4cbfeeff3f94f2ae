"""What stands before every request: a name, an origin, a key, a rate, and bounds of bytes and time."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import anyio
from starlette.datastructures import Headers, MutableHeaders

from ..library.errors import PhotoseekError
from .keys import KeyStore, Scope
from .limits import RateLimit
from .logs import RequestLog, Served
from .metrics import Metrics
from .options import RequestLimits, ServerOptions
from .problems import Problem, problem_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Connection

_OPEN: Final = frozenset({"/health", "/ready", "/openapi.json"})
"""What anybody may ask: it tells nothing of the library."""

STREAMS: Final = frozenset({"/v1/search/stream", "/mcp"})
"""Answers that may take as long as they do."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", re.ASCII)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key's id, or an address where no key is needed; and what it may."""

    name: str
    scope: Scope


class Gate:
    """Lets through to `app` what may pass, bounds it, and logs and counts what became of it.

    While the library has no keys, and the server listens on this machine alone, every program of this machine is let
    in; pages of other sites in its browser are not.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions, keys: KeyStore, metrics: Metrics, log: RequestLog) -> None:
        self._app = app
        self._options = options
        self._limits: RequestLimits = options.limits
        self._keys = keys
        self._metrics = metrics
        self._log = log
        self._rate = RateLimit(options.limits.requests_per_s, options.limits.burst)
        self._names = _LOOPBACK | {options.host.lower()} | {name.lower() for name in options.hosts}

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        served = Served(request_id, scope["method"])
        state = scope.setdefault("state", {})
        state["served"] = served
        answer = _Answer(scope, send, served, self._limits.send_s)
        start_s = time.perf_counter()
        try:
            try:
                caller = self._admitted(scope, headers)
                served.caller = caller.name
                state["caller"] = caller
                await self._bounded(scope, _Body(receive, headers, self._limits), answer)
            except PhotoseekError as error:
                raise problem_of(error) from error
        except Problem as problem:
            if not answer.has_begun:
                await problem.response(request_id)(scope, receive, answer)
        except _ReaderGone:
            pass  # nobody is there to be told
        except Exception as error:
            served.error = f"{type(error).__name__}: {error}"
            if not answer.has_begun:
                detail = "something went wrong that was not foreseen; the server's log tells it by the request's id"
                await Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail).response(request_id)(scope, receive, answer)
        finally:
            self._note(scope, served, time.perf_counter() - start_s)

    def _admitted(self, scope: Connection, headers: Headers) -> Caller:
        """Return who asks.

        Raises:
            Problem: it may not.
        """
        client = scope.get("client")
        address = client[0] if client else "unknown"
        if scope["path"] in _OPEN:
            return Caller(address, Scope.READ)
        self._check_page(headers)
        keys = self._keys.all()
        if not keys:
            if not self._options.is_local:
                raise Problem(HTTPStatus.UNAUTHORIZED, "every key was revoked: make one with `photoseek keys create`")
            self._rate.take(address)
            return Caller(address, Scope.ADMIN)
        scheme, _, text = headers.get("authorization", "").partition(" ")
        found = self._keys.find(text.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", ""))
        if found is None:
            self._rate.take(f"without a key: {address}")
            detail = "a key is needed: send it as `Authorization: Bearer psk_...`; `photoseek keys create` makes one"
            raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
        self._rate.take(found.id)
        return Caller(found.id, found.scope)

    def _check_page(self, headers: Headers) -> None:
        """Refuse a page of another site: one that is not allowed to ask, or whose name was made to lead here."""
        hosts = headers.getlist("host")
        read = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        is_named = self._options.is_local or self._options.hosts
        if read is None or (is_named and read[1].lower().strip("[]") not in self._names):
            raise Problem(HTTPStatus.MISDIRECTED_REQUEST, "this server does not answer to this name; see --allow-host")
        origin = headers.get("origin")
        if origin is not None and origin not in self._options.origins:
            raise Problem(HTTPStatus.FORBIDDEN, "pages of this origin may not ask; see --allow-origin")

    async def _bounded(self, scope: Connection, body: _Body, answer: _Answer) -> None:
        if any(scope["path"].startswith(path) for path in STREAMS):
            await self._app(scope, body, answer)
            return
        try:
            with anyio.fail_after(self._limits.receive_s + self._limits.answer_s):
                await self._app(scope, body, answer)
        except TimeoutError as error:
            detail = f"no answer within {self._limits.answer_s:g} s: ask for less"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, "too-slow", {"Retry-After": "5"}) from error

    def _note(self, scope: Connection, served: Served, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(served.method, route, str(served.status)).inc()
        self._metrics.request_seconds.labels(route).observe(took_s)
        self._log.write(served, route, took_s)


class _ReaderGone(Exception):
    """Whoever asked reads no more."""


class _Answer:
    """What is sent, with the headers that every answer has, to a reader who may not take for ever."""

    def __init__(self, scope: Connection, send: Send, served: Served, send_s: float) -> None:
        self._scope = scope
        self._send = send
        self._served = served
        self._send_s = send_s
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            self._served.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._served.request_id
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body":
            self._served.sent_bytes += len(message.get("body", b""))
        try:
            with anyio.fail_after(self._send_s):
                await self._send(message)
        except TimeoutError as error:
            raise _ReaderGone from error


class _Body:
    """What is received, within bounds of bytes and time."""

    def __init__(self, receive: Receive, headers: Headers, limits: RequestLimits) -> None:
        self._receive = receive
        self._limits = limits
        self._left_bytes = limits.max_body_bytes
        self._until_s = time.monotonic() + limits.receive_s
        self._is_whole = False
        stated = headers.get("content-length", "0")
        if not stated.isdecimal() or int(stated) > limits.max_body_bytes:
            raise self._too_large()

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()  # which waits for the reader to go
        try:
            with anyio.fail_after(max(0.0, self._until_s - time.monotonic())):
                message = await self._receive()
        except TimeoutError as error:
            detail = f"the body did not arrive within {self._limits.receive_s:g} s"
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, detail, headers={"Connection": "close"}) from error
        self._is_whole = not message.get("more_body", False)
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes < 0:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        detail = f"a body may have {self._limits.max_body_bytes:,} bytes at most"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"})
