"""What stands before the whole server: the host's name, the origin, the password, and room for what is sent."""

from __future__ import annotations

import re
import secrets
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response

from .allowance import Allowance, TooMuch
from .hosts import Hosts
from .password_form import FORM_TYPE, PasswordForm

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FILE_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_UPLOAD: Final = re.compile(r"/(?:_stcore/upload_file/([^/]+)/([^/]+)|pictures/upload)$")
_FILE: Final = re.compile(r"/(?:pictures|media)/")
_SENDING: Final = {"PUT", "POST"}
_STARTS: Final = {"http.response.start", "websocket.http.response.start"}


class Guard:
    """Lets through to `app` what may pass, and puts on every answer what a browser may do with it.

    Args:
        app: the server.
        hosts: which names are ours.
        form: asks for the password; None where there is none.
        allowance: bounds what is sent.
        policy: the Content-Security-Policy of pages.
    """

    def __init__(
        self, app: ASGIApp, hosts: Hosts, form: PasswordForm | None, allowance: Allowance, policy: str
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._form = form
        self._allowance = allowance
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        say = self._with_policy(send, scope["path"])
        refusal = await self._refusal(scope, receive)
        if refusal is not None:
            await refusal(scope, receive, say)
            return
        try:
            with self._room(scope):
                await self._app(scope, receive, say)
        except TooMuch as error:
            await PlainTextResponse(f"{error}\n", 413)(scope, receive, say)

    async def _refusal(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to what is not to reach the server, None for what is."""
        asked = HTTPConnection(scope)
        if not self._hosts.is_ours(asked.headers):
            told = "this server does not answer to this name; photoseek ui --allow-host NAME has it do so\n"
            return PlainTextResponse(told, 421)
        if not self._hosts.is_same_origin(asked.headers):
            return PlainTextResponse("pages of other origins may ask this server for nothing\n", 403)
        if self._form is not None:
            request = Request(scope, receive) if scope["type"] == "http" else None
            if request is not None and request.method == "POST" and _is_form(request):
                return await self._form.answer(request, self._hosts)
            if not self._form.has_pass(asked):
                return self._form.ask(asked)
        is_sent = scope.get("method") in _SENDING and _UPLOAD.search(scope["path"]) is not None
        if is_sent and not asked.headers.get("content-length", "").isdecimal():
            return PlainTextResponse("the length of a file is to be stated\n", 411)
        return None

    def _room(self, scope: Scope) -> AbstractContextManager[None]:
        """Hold room for the file that is being sent, if one is."""
        found = _UPLOAD.search(scope["path"]) if scope.get("method") in _SENDING else None
        if found is None:
            return nullcontext()
        size_bytes = int(HTTPConnection(scope).headers["content-length"])
        peer = self._hosts.visitor(scope)
        # A picture for the search box belongs to no session that its request names: it counts for the address.
        return self._allowance.room(found[1] or peer, found[2] or secrets.token_hex(8), size_bytes)

    def _with_policy(self, send: Send, path: str) -> Send:
        policy = _FILE_POLICY if _FILE.search(path) else self._policy

        async def say(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]  # pages of other origins are not to read anything of ours
                headers.setdefault("Content-Security-Policy", policy)
                headers.update(_ALWAYS)
            await send(message)

        return say


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith(FORM_TYPE)
