"""Who gets what from the pages' server: strangers the form for the password, other hosts and origins nothing."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from photoseek.tests.support.browser import PASSWORD, serving
from photoseek.tests.support.visitors import Visitor

pytest.importorskip("streamlit", reason="pages are not tested: streamlit is not installed")
exceptions = pytest.importorskip("websockets.exceptions", reason="pages are not tested: websockets is not installed")

_PATHS = [
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/agent/openapi.json",
    "/_stcore/bidi-components/photoseek_bar/bar.js",
    "/component/photoseek_bar/bar.js",
    "/media/0.png",
    "/pictures/grid/1",
    "/favicon.png",
    "/static/js/index.js",
    "/explore",
    "/nowhere",
    "/",
]
# The name that another site's page has this machine's address resolve to is one like any other.
_FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8501",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "a@localhost",
]


@pytest.fixture
def stranger(guarded_server: str) -> Visitor:
    """A visitor who has not given the password."""
    return Visitor(guarded_server)


@pytest.fixture
def guest(guarded_server: str) -> Visitor:
    """A visitor who has."""
    visitor = Visitor(guarded_server)
    visitor.give_password(PASSWORD)
    return visitor


@pytest.fixture
def fresh_server(sample_library: Path) -> Iterator[str]:
    """A server of its own that asks for the password: what is tried on it stays with it."""
    with serving(sample_library, environ={"PHOTOSEEK_UI_PASSWORD": PASSWORD}) as address:
        yield address


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", _PATHS)
def test_nothing_answers_before_the_password(stranger: Visitor, path: str, method: str) -> None:
    answer = stranger.ask(path, method, b"{}" if method in {"POST", "PUT"} else None)
    assert answer.status == 401
    assert len(answer.body) < 4_000


def test_a_stranger_is_shown_the_form_alone_and_it_needs_no_other_file(stranger: Visitor) -> None:
    answer = stranger.ask("/", headers={"Accept": "text/html"})
    page = answer.body.decode()
    assert 'type="password"' in page
    assert re.findall(r"<script|\bsrc=|\bhref=|url\(", page) == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_no_session_is_opened_before_the_password(stranger: Visitor) -> None:
    with pytest.raises(exceptions.InvalidStatus, match="401"), stranger.session():
        pass


def test_no_file_is_taken_before_the_password(stranger: Visitor, guest: Visitor) -> None:
    assert stranger.put_file("any", "file", b"x" * 1_000).status == 401
    with guest.session() as session:
        assert stranger.put_file(session, "file", b"x" * 1_000).status == 401
        assert stranger.ask(f"/_stcore/upload_file/{session}/file", "DELETE").status == 401


def test_a_body_nobody_asked_for_is_not_read(stranger: Visitor) -> None:
    answer = stranger.ask(
        "/", "POST", b"password=" + b"x" * 50_000_000, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status == 413


def test_the_password_opens_the_page_that_was_asked_for_and_is_not_asked_again(stranger: Visitor) -> None:
    answer = stranger.give_password(PASSWORD, "/explore?q=a+cat%20%C3%A9")
    assert (answer.status, answer.headers["location"]) == (303, "/explore?q=a+cat%20%C3%A9")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert re.search(r"Max-Age=\d+", answer.headers["set-cookie"])
    assert PASSWORD not in answer.headers["set-cookie"]
    page = stranger.ask("/explore", headers={"Accept": "text/html"})
    assert (page.status, "static/js" in page.body.decode()) == (200, True)
    with stranger.session() as session:
        assert stranger.put_file(session, "file", b"x" * 1_000).status == 204


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example", "/%2f/evil.example"])
def test_the_password_leads_to_no_other_site(stranger: Visitor, path: str) -> None:
    answer = stranger.give_password(PASSWORD, path)
    place = answer.headers.get("location", "/")
    assert re.match(r"/(?![/\\])", place)


@pytest.mark.parametrize("change", ["", "x", "another"])
def test_a_cookie_that_is_not_ours_opens_nothing(guest: Visitor, change: str) -> None:
    (name,) = (name for name in guest.cookies if name.startswith("photoseek"))
    value = guest.cookies[name]
    expiry, _, rest = value.partition(".")
    forged = {"": "", "x": value[:-1] + ("0" if value[-1] != "0" else "1"), "another": f"{int(expiry) + 9_999}.{rest}"}
    guest.cookies[name] = forged[change]
    assert guest.ask("/_stcore/health").status == 401


@pytest.mark.parametrize("host", _FOREIGN_HOSTS)
@pytest.mark.parametrize("path", _PATHS)
def test_no_other_hosts_name_is_answered_to(sample_server: str, guest: Visitor, path: str, host: str) -> None:
    assert Visitor(sample_server).ask(path, headers={"Host": host}).status == 421
    assert guest.ask(path, headers={"Host": host}).status == 421


def test_a_signed_picture_is_shown_under_our_own_name_alone(sample_server: str) -> None:
    visitor = Visitor(sample_server)
    assert visitor.ask("/pictures/grid/1").status == 404
    assert visitor.ask("/pictures/grid/1", headers={"Host": "evil.example"}).status == 421


def test_a_name_that_was_allowed_is_answered_to(sample_library: Path) -> None:
    environ = {"PHOTOSEEK_UI_PASSWORD": PASSWORD}
    with serving(sample_library, "--allow-host", "photos.example.org", environ=environ) as address:
        visitor = Visitor(address)
        named = {"Host": "photos.example.org", "Origin": "https://photos.example.org"}
        assert visitor.give_password(PASSWORD, headers=named).status == 303
        assert visitor.ask("/", headers=named).status == 200
        with visitor.session(named):
            pass
        assert visitor.ask("/", headers={"Host": "other.example.org"}).status == 421


def test_the_machines_addresses_are_answered_to_where_a_password_is_set(fresh_server: str) -> None:
    port = urlsplit(fresh_server).port
    for host in (f"192.168.1.4:{port}", f"[fe80::1]:{port}", "localhost", socket.gethostname()):
        assert Visitor(fresh_server).ask("/", headers={"Host": host}).status == 401


@pytest.mark.parametrize(
    "origin", ["http://localhost:9999", "http://127.0.0.1:9999", "http://127.0.0.1", "https://evil.example", "null"]
)
def test_another_origin_is_refused_though_it_is_local(sample_server: str, guest: Visitor, origin: str) -> None:
    for visitor in (Visitor(sample_server), guest):
        with pytest.raises(exceptions.InvalidStatus, match="403"), visitor.session({"Origin": origin}):
            pass
        for method in ("GET", "PUT", "DELETE", "POST"):
            assert visitor.ask("/_stcore/upload_file/a/b", method, headers={"Origin": origin}).status == 403


def test_our_own_origin_is_let_in(sample_server: str) -> None:
    with Visitor(sample_server).session() as session:
        assert session


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_visitor_who_says_to_be_another_waits_all_the_same(fresh_server: str, header: str) -> None:
    visitor = Visitor(fresh_server)
    tries = [visitor.give_password("wrong", headers={header: f"10.0.0.{number}"}) for number in range(8)]
    assert [one.status for one in tries] == [401] * 5 + [429] * 3
    assert visitor.give_password(PASSWORD, headers={header: "10.0.1.1"}).status == 429


def test_a_proxy_that_is_named_says_who_asks(sample_library: Path) -> None:
    environ = {"PHOTOSEEK_UI_PASSWORD": PASSWORD}
    with serving(sample_library, "--proxy", "127.0.0.1", environ=environ) as address:
        visitor = Visitor(address)
        said = {"X-Forwarded-For": "10.9.9.9, 10.0.0.1"}
        assert [visitor.give_password("wrong", headers=said).status for _ in range(6)] == [401] * 5 + [429]
        # What a visitor wrote into the header itself stands left of what the proxy added.
        assert visitor.give_password(PASSWORD, headers={"X-Forwarded-For": "1.2.3.4, 10.0.0.1"}).status == 429
        secure = {"X-Forwarded-For": "10.0.0.2", "X-Forwarded-Proto": "https"}
        assert "Secure" in visitor.give_password(PASSWORD, headers=secure).headers["set-cookie"]


@pytest.mark.parametrize("signature", ["%C3%A9", "%FF", "é", "%00", "%ED%A0%80"])
def test_a_signature_of_odd_letters_is_a_wrong_one(sample_server: str, signature: str) -> None:
    visitor = Visitor(sample_server)
    raw = signature.encode("utf-8").decode("latin-1") if not signature.isascii() else signature
    with ExitStack() as stack:
        if raw != signature:  # http.client sends no such byte: it is written by hand
            sent = stack.enter_context(socket.create_connection(("127.0.0.1", urlsplit(sample_server).port)))
            sent.sendall(f"GET /pictures/grid/1?k={raw} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode("latin-1"))
            assert sent.recv(100).split()[1] in {b"400", b"404"}
        else:
            assert visitor.ask(f"/pictures/grid/1?k={raw}").status == 404
            assert visitor.ask(f"/pictures/upload?k={raw}", "POST", b"x").status == 403


@pytest.mark.parametrize("password", [b"password=%FF%ED%A0%80", b"password=%C3%A9", b"", b"password", b"\xff=\xff&&="])
def test_a_password_of_odd_letters_is_a_wrong_one(fresh_server: str, password: bytes) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert Visitor(fresh_server).ask("/", "POST", password, form).status == 401


@pytest.mark.parametrize(
    "path", [*_PATHS, "/pictures/upload", "/pictures/file/1?k=x", "/_stcore/stream", "/%00", "/a/../b"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(sample_server: str, guest: Visitor, path: str) -> None:
    for visitor in (Visitor(sample_server), guest, Visitor(guest.address)):
        for headers in ({}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            answer = visitor.ask(path, headers=headers)
            assert answer.headers["x-content-type-options"] == "nosniff"
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
            assert not re.search(r"script-src[^;]*'unsafe-inline'", policy)
            assert "*" not in policy
            assert "access-control-allow-origin" not in answer.headers


def test_a_session_keeps_a_few_files_and_no_more(guest: Visitor) -> None:
    with guest.session() as session:
        statuses = [guest.put_file(session, f"file-{number}", b"x" * 1_000).status for number in range(12)]
        assert statuses == [204] * 8 + [413] * 4
        assert guest.put_file(session, "file-0", b"y" * 1_000).status == 204  # in place of the one before
        assert guest.ask(f"/_stcore/upload_file/{session}/file-0", "DELETE", headers=_xsrf(guest)).status == 204
        assert guest.put_file(session, "file-9", b"x" * 1_000).status == 204


def test_all_sessions_together_keep_so_many_bytes_and_no_more(fresh_server: str) -> None:
    visitor = Visitor(fresh_server)
    visitor.give_password(PASSWORD)
    data = os.urandom(1 << 20) * 19
    with ExitStack() as stack:
        statuses = []
        for _ in range(6):
            session = stack.enter_context(visitor.session())
            statuses += [visitor.put_file(session, f"file-{number}", data).status for number in range(3)]
        assert statuses == [204] * 13 + [413] * 5
    with visitor.session() as session:
        assert visitor.put_file(session, "one", data).status in {204, 413}


def test_a_file_of_no_stated_length_is_refused(guest: Visitor) -> None:
    with guest.session() as session:
        guest.ask("/_stcore/health")
        headers = _xsrf(guest) | {"Transfer-Encoding": "chunked", "Content-Type": "multipart/form-data; boundary=x"}
        assert guest.ask(f"/_stcore/upload_file/{session}/file", "PUT", headers=headers).status == 411


def _xsrf(visitor: Visitor) -> dict[str, str]:
    return {"X-Xsrftoken": visitor.cookies.get("_streamlit_xsrf", ""), "Origin": visitor.address}
