"""A visitor without a browser, who sends the pages' server whatever a test wants: any Host, Origin, cookie or body."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlencode, urlsplit

if TYPE_CHECKING:
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import ClientConnection

_SLOWEST_S = 60.0
_BOUNDARY = "visitors-boundary"


@dataclass(frozen=True)
class Answered:
    """What the server said; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Visitor:
    """One visitor, with cookies of its own, of the server at `address`."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def netloc(self) -> str:
        """The server's host and port."""
        return self._split.netloc

    @property
    def _split(self) -> SplitResult:
        return urlsplit(self.address)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Send one request, as it is, and keep the cookies that the answer sets."""
        connection = http.client.HTTPConnection(self.netloc, timeout=_SLOWEST_S)
        sent = {"Host": self.netloc, "Cookie": self._cookie_header(), **(headers or {})}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read the whole body
                connection.send(body or b"")
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return Answered(answer.status, {name.lower(): value for name, value in answer.headers.items()}, data)

    def give_password(self, password: str, path: str = "/", headers: Mapping[str, str] | None = None) -> Answered:
        """Send the form that asks for the password."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask(path, "POST", urlencode({"password": password}).encode(), form | dict(headers or {}))

    @contextmanager
    def session(self, headers: Mapping[str, str] | None = None) -> Iterator[str]:
        """Open a session of the pages as a browser does; yield its id.

        Raises:
            websockets.exceptions.InvalidStatus: the server does not let this visitor in.
        """
        with self._connected(headers) as opened:
            for message in _drawn(opened, "", ""):
                if message.WhichOneof("type") == "new_session":
                    yield message.new_session.initialize.session_id
                    return

    def drawn(self, page: str, query: str = "") -> bytes:
        """Open a session and have a page drawn; return everything that the server sends for it, as it is."""
        with self._connected() as opened:
            return b"".join(message.SerializeToString() for message in _drawn(opened, page, query))

    def _connected(self, headers: Mapping[str, str] | None = None) -> ClientConnection:
        from websockets.sync.client import connect
        from websockets.typing import Origin, Subprotocol

        sent = {"Cookie": self._cookie_header(), **(headers or {})}
        origin, host = sent.pop("Origin", self.address), sent.pop("Host", self.netloc)
        return connect(
            f"ws://{host}/_stcore/stream",
            sock=socket.create_connection((self._split.hostname or "", self._split.port or 80), _SLOWEST_S),
            origin=Origin(origin),
            additional_headers={name: value for name, value in sent.items() if value},
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            open_timeout=_SLOWEST_S,
            ping_interval=None,  # browsers send none
        )

    def put_file(self, session_id: str, file_id: str, data: bytes) -> Answered:
        """Send a file as the pages' fields for files do."""
        if "_streamlit_xsrf" not in self.cookies:
            self.ask("/_stcore/health")
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "X-Xsrftoken": self.cookies.get("_streamlit_xsrf", ""),
            "Origin": self.address,
        }
        return self.ask(f"/_stcore/upload_file/{session_id}/{file_id}", "PUT", body, headers)

    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def _drawn(opened: ClientConnection, page: str, query: str) -> Iterator[ForwardMsg]:
    """Have a page drawn; yield the server's messages until it is."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    rerun = BackMsg()
    rerun.rerun_script.query_string = query
    rerun.rerun_script.page_name = page
    opened.send(rerun.SerializeToString())
    while True:
        data = opened.recv(_SLOWEST_S)
        message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
        yield message
        if message.WhichOneof("type") == "script_finished":
            return
