"""Pictures from the web: fetched from a server of the test's own when allowed, and refused by default."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from photoseek import AddressRefused, ImageUnreadable
from photoseek.search.remote import FetchLimits, fetch_image

LOCAL = FetchLimits(allow_private=True, timeout_s=5.0, max_bytes=1000, max_redirects=2)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path: a picture, too much, a redirect to what follows /to/, or endlessly, byte by byte."""

    stop = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            try:
                while not self.stop.wait(0.01):
                    self.wfile.write(b"x")
                    self.wfile.flush()
            except OSError:
                pass
        else:
            body = b"x" * 2000 if self.path == "/large" else self.headers["Host"].encode() + self.path.encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        Handler.stop.set()
        running.shutdown()
        thread.join()


def test_a_picture_is_fetched_when_private_addresses_are_allowed(server: str) -> None:
    host = server.removeprefix("http://")
    assert fetch_image(f"{server}/a.jpg?b=c#d", LOCAL) == f"{host}/a.jpg?b=c".encode()


def test_redirects_are_followed_so_far(server: str) -> None:
    assert fetch_image(f"{server}/to//to//a.jpg", LOCAL).endswith(b"/a.jpg")
    with pytest.raises(ImageUnreadable, match="more than 2 times"):
        fetch_image(f"{server}/to//to//to//a.jpg", LOCAL)


def test_what_cannot_be_had_says_why(server: str) -> None:
    with pytest.raises(ImageUnreadable, match="larger than 1,000 bytes"):
        fetch_image(f"{server}/large", LOCAL)
    with pytest.raises(ImageUnreadable, match="404"):
        fetch_image(f"{server}/missing", LOCAL)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ImageUnreadable, match="cannot be fetched"):
            fetch_image(f"http://127.0.0.1:{unused.getsockname()[1]}/", LOCAL)


def test_a_server_that_trickles_is_given_up(server: str) -> None:
    patient = FetchLimits(allow_private=True, timeout_s=0.3, max_bytes=10**9)
    with pytest.raises(ImageUnreadable, match=r"longer than 0\.3 s"):
        fetch_image(f"{server}/slow", patient)


def test_this_machine_is_refused_by_default(server: str) -> None:
    for host in (server, server.replace("127.0.0.1", "localhost")):
        with pytest.raises(AddressRefused, match="private network"):
            fetch_image(f"{host}/a.jpg")


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[2001:0:7f00:1::]",
    ],
)
def test_private_addresses_are_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(AddressRefused, match="private network"):
        fetch_image(f"http://{host}/a.jpg")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/a.jpg", "gopher://x", "//example.org/a.jpg", "http://", "a.jpg"],
)
def test_only_http_and_https_are_fetched(url: str) -> None:
    with pytest.raises(AddressRefused):
        fetch_image(url, LOCAL)


@pytest.mark.parametrize(
    "url", ["http://user:secret@127.0.0.1/", "http://user@127.0.0.1/", "http://[::1/", "http://x:99999/"]
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        fetch_image(url, LOCAL)


def test_a_redirect_is_checked_like_the_first_address(server: str) -> None:
    with pytest.raises(AddressRefused, match="only http and https"):
        fetch_image(f"{server}/to/file:///etc/passwd", LOCAL)


def test_a_public_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """One private address among several is enough."""

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.215.14", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1, in a private network"):
        fetch_image("http://pictures.example/a.jpg")


def test_a_name_is_resolved_once_and_the_checked_address_is_dialled(
    monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """A name server that answers with a public address first and a private one later gets no second question."""
    port = int(server.rpartition(":")[2])
    asked: list[str] = []
    dialled: list[object] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def dial(address: tuple[str, int], timeout: float) -> socket.socket:
        dialled.append(address)
        plain = socket.socket()
        plain.settimeout(timeout)
        plain.connect(("127.0.0.1", port))
        return plain

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", dial)
    answer = fetch_image(f"http://pictures.example:{port}/a.jpg")
    assert answer == f"pictures.example:{port}/a.jpg".encode()
    assert (asked, dialled) == (["pictures.example"], [("93.184.215.14", port)])


def test_no_name_server_is_asked_about_what_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was resolved"))
    with pytest.raises(AddressRefused):
        fetch_image(f"file://{tmp_path}/a.jpg")
