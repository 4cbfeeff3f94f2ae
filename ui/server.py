"""Streamlit's server with what is ours beside and before it: the routes for pictures, and the guard."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import exists, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.starlette import App

from .allowance import Allowance, Sizes
from .guard import Guard
from .hosts import Hosts
from .password import Passes
from .password_form import PasswordForm
from .resources import Resources
from .routes import routes_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

_SCRIPT: Final = Path(__file__).with_name("app.py")

# Streamlit's index.html has an inline script, which is allowed by its hash; it makes style elements while the page
# lives (emotion), which have to be allowed at large, style attributes not; scripts of our components reach the browser
# as blobs, small previews as data.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' blob: {inline}; style-src 'self'; "
    "style-src-elem 'self' 'unsafe-inline'; style-src-attr 'none'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Server(App):
    """The server of the pages. The guard stands before all of Streamlit's, so that none of its answers passes it by."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(_SCRIPT, routes=routes_of(resources))
        options, gate = resources.options, resources.gate
        form = None if gate is None else PasswordForm(gate, Passes(secrets.token_bytes(32)), options.base_path)
        self._guard = Guard(super().__call__, Hosts.of(options), form, Allowance(_kept), page_policy())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        await self._guard(scope, receive, _without_script_path(send) if scope["type"] == "websocket" else send)


def _without_script_path(send: Send) -> Send:
    """Streamlit tells every session the path of its script; what is told is where the server's user has programs."""
    path = str(_SCRIPT).encode()

    async def say(message: Message) -> None:
        data = message.get("bytes")
        if data is not None and path in data:
            told = ForwardMsg.FromString(data)
            if told.WhichOneof("type") == "new_session":
                told.new_session.main_script_path = _SCRIPT.name
                message["bytes"] = told.SerializeToString()
        await send(message)

    return say


def page_policy() -> str:
    """Return the Content-Security-Policy that this Streamlit's pages work under."""
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()
    scripts = re.findall(rb"<script>(.*?)</script>", index, re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return _POLICY.format(inline=" ".join(f"'sha256-{each}'" for each in hashes))


def _kept() -> Sizes:
    """The files that Streamlit keeps for its sessions."""
    files = get_instance().uploaded_file_mgr if exists() else None
    if not isinstance(files, MemoryUploadedFileManager):
        return {}
    sessions = list(files.file_storage.items())
    return {(session, file): len(kept.data) for session, held in sessions for file, kept in list(held.items())}
