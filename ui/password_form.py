"""The page that asks for the password: a form of our own, which needs no script and no file but itself."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from .hosts import Hosts
from .password import LIFETIME_S, LoginThrottle, Passes

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_BYTES: Final = 4_096

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1d2321; --back: #fff; --field: #f3f4f3; --own: #1f6f5c; --on-own: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8ebea; --back: #141615; --field: #1f2322; --own: #6fc3ab; --on-own: #141615; }
}
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-width: 26rem; margin: 12vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 1.2rem; }
label { display: block; font-size: .875rem; margin-bottom: .3rem; }
input { box-sizing: border-box; width: 100%; padding: .6rem .8rem; margin-bottom: 1rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid transparent; border-radius: .6rem; }
input:focus-visible { outline: 2px solid var(--own); }
button { padding: .5rem 1.2rem; font: inherit; color: var(--on-own); background: var(--own); border: 0;
  border-radius: .6rem; cursor: pointer; }
p { margin: 1rem 0 0; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}


class PasswordForm:
    """Shows the form, and answers what is sent with it. The cookie's name holds the port: cookies know no ports."""

    def __init__(self, gate: LoginThrottle, passes: Passes, base_path: str) -> None:
        self._gate = gate
        self._passes = passes
        self._path = f"/{base_path}" if base_path else "/"

    def has_pass(self, asked: HTTPConnection) -> bool:
        """Whether this visitor has given the password."""
        return self._passes.is_good(asked.cookies.get(_cookie(asked), ""))

    def ask(self, asked: HTTPConnection) -> Response:
        """Answer one who has not: with the form where a page was asked for, in a line where anything else was."""
        if asked.scope.get("method") in {"GET", "HEAD"} and "text/html" in asked.headers.get("accept", ""):
            return _page(401)
        return PlainTextResponse("the password is asked for first\n", 401, {"Cache-Control": "no-store"})

    async def answer(self, request: Request, hosts: Hosts) -> Response:
        """Answer a password: with a pass and the way to what was asked for, or with the form again."""
        address = hosts.visitor(request.scope)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("too long for a password\n", 413)
        wait_s = self._gate.wait_s(address)
        if wait_s > 0:
            return _page(429, f"Too many wrong passwords: wait {wait_s:.0f} s and try again.")
        given = parse_qs(body.decode("latin-1"), encoding="utf-8", errors="replace").get("password", [""])
        if not self._gate.admits(address, given[0]):
            return _page(401, "That is not the password.")
        # One slash at the beginning, and a path from there: two would name another host.
        place = "/" + quote(request.url.path.lstrip("/\\"), safe="/")
        query = request.scope["query_string"].decode("latin-1")
        answer = RedirectResponse(f"{place}?{query}" if query else place, 303, {"Cache-Control": "no-store"})
        answer.set_cookie(
            _cookie(request),
            self._passes.issue(),
            max_age=LIFETIME_S,
            path=self._path,
            secure=hosts.is_https(request.scope),
            httponly=True,
            samesite="lax",
        )
        return answer


def _cookie(asked: HTTPConnection) -> str:
    server = asked.scope.get("server")
    return f"photoseek_{server[1] if server else 0}"


def _page(status: int, message: str = "") -> Response:
    said = f'<p role="alert">{escape(message)}</p>' if message else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>photoseek</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>photoseek</h1>"
        '<form method="post"><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>'
        f"<button>Open</button></form>{said}</main></body></html>",
        status,
        _HEADERS,
    )
