"""Who is let in, and what a caller may cost: a test for each rule."""

from __future__ import annotations

import hmac
import io
import json
import re
from pathlib import Path

import anyio
import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Send

from photoseek.library.errors import ServerUnavailable, SettingsError
from photoseek.server.keys import KeyStore, Scope
from photoseek.server.launch import serve as serve_for_good
from photoseek.server.limits import RateLimit
from photoseek.server.options import RequestLimits, ServerOptions
from photoseek.server.problems import Problem
from photoseek.tests.server.conftest import Serve
from photoseek.tests.support.loops import run_apart


@pytest.fixture
def store(serve: Serve, tmp_path: Path) -> KeyStore:
    """The keys of the server's library, which is there."""
    return KeyStore(tmp_path / "lib")


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_without_keys_this_machine_may_do_everything(server: TestClient) -> None:
    assert server.get("/v1/info").json()["images"] == 8
    assert server.post("/v1/index", json={}).status_code == 202


def test_a_key_that_is_made_while_the_server_runs_is_needed_from_then_on(server: TestClient, store: KeyStore) -> None:
    assert server.get("/v1/info").status_code == 200

    _, text = store.create("shop", Scope.READ)

    refused = server.get("/v1/info")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert "photoseek keys create" in refused.json()["detail"]
    assert server.get("/v1/info", headers=bearer(text)).status_code == 200
    assert server.get("/v1/info", headers={"X-API-Key": text}).status_code == 200


def test_a_revoked_key_opens_nothing_from_the_next_request_on(server: TestClient, store: KeyStore) -> None:
    key, text = store.create("shop", Scope.READ)
    _, other = store.create("office", Scope.READ)
    assert server.get("/v1/info", headers=bearer(text)).status_code == 200

    store.revoke(key.id)

    assert server.get("/v1/info", headers=bearer(text)).status_code == 401
    assert server.get("/v1/info", headers=bearer(other)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("GET", "/v1/info", None, Scope.READ),
        ("GET", "/v1/search?q=red", None, Scope.READ),
        ("GET", "/metrics", None, Scope.READ),
        ("POST", "/v1/images/1/caption", None, Scope.WRITE),
        ("POST", "/v1/index", {}, Scope.WRITE),
        ("DELETE", "/v1/index", None, Scope.WRITE),
        ("POST", "/v1/index", {"paths": ["/etc"]}, Scope.ADMIN),
    ],
)
def test_a_scope_allows_itself_and_what_lies_below(
    server: TestClient, store: KeyStore, method: str, path: str, body: object, least: Scope
) -> None:
    for scope in Scope:
        _, text = store.create(scope.word, scope)
        answer = server.request(method, path, json=body, headers=bearer(text))
        if scope < least:
            assert answer.status_code == 403, scope
            assert "key" in answer.json()["detail"]
        else:
            assert answer.status_code not in {401, 403}, scope


def test_what_watches_the_server_needs_no_key(server: TestClient, store: KeyStore) -> None:
    store.create("shop", Scope.READ)

    assert server.get("/health").json() == {"status": "ok"}
    assert server.get("/ready").status_code == 200
    assert server.get("/openapi.json").status_code == 200
    assert server.get("/metrics").status_code == 401
    assert server.get("/no/such/path").status_code == 401


@pytest.mark.parametrize(
    "text", ["", "psk_", "psk_000000000000_" + "A" * 43, "x" * 5_000, "psk_é_" + "A" * 43, "Bearer", "null"]
)
def test_what_is_no_key_opens_nothing(server: TestClient, store: KeyStore, text: str) -> None:
    store.create("shop", Scope.ADMIN)

    assert server.get("/v1/info", headers=[(b"X-API-Key", text.encode())]).status_code == 401


def test_keys_are_kept_as_hashes_in_files_of_their_owner_alone(store: KeyStore, tmp_path: Path) -> None:
    key, text = store.create("shop", Scope.READ)

    folder = tmp_path / "lib" / "keys"
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert text.rpartition("_")[2] not in file.read_text()
    assert key.digest in file.read_text()


def test_a_key_is_compared_in_constant_time(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return real(one, other)

    monkeypatch.setattr("photoseek.server.keys.hmac.compare_digest", compare)
    _, text = store.create("shop", Scope.READ)

    assert store.find(text) is not None
    assert store.find(text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    assert store.find("nonsense") is None
    assert compared == [(64, 64)] * 3


def test_a_broken_key_file_lets_nobody_in_and_says_which(server: TestClient, store: KeyStore, tmp_path: Path) -> None:
    _, text = store.create("shop", Scope.READ)
    (tmp_path / "lib" / "keys" / "ab.json").write_text("{")

    answer = server.get("/v1/info", headers=bearer(text))

    assert answer.status_code == 503
    with pytest.raises(SettingsError, match=r"ab\.json: is no key"):
        store.all()


def test_others_are_served_only_where_keys_exist(store: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match="make a key"):
        serve_for_good(ServerOptions(folder=tmp_path / "lib", host="0.0.0.0"), print)


def test_a_server_for_others_whose_keys_were_all_revoked_lets_nobody_in(serve: Serve, store: KeyStore) -> None:
    key, text = store.create("shop", Scope.READ)
    server = serve(ServerOptions(host="0.0.0.0"))
    assert server.get("/v1/info", headers=bearer(text)).status_code == 200

    store.revoke(key.id)

    assert server.get("/v1/info").status_code == 401


def test_a_name_that_was_made_to_lead_here_is_refused(serve: Serve) -> None:
    server = serve(ServerOptions(hosts=("photos.example",)))

    assert server.get("/v1/info", headers={"Host": "evil.example"}).status_code == 421
    assert server.get("/v1/info", headers={"Host": "photos.example:443"}).status_code == 200
    assert server.get("/v1/info", headers={"Host": "127.0.0.1:8600"}).status_code == 200


def test_pages_of_other_sites_may_not_ask(serve: Serve) -> None:
    server = serve(ServerOptions(origins=("https://shop.example",)))

    refused = server.get("/v1/info", headers={"Origin": "https://evil.example"})
    allowed = server.get("/v1/info", headers={"Origin": "https://shop.example"})
    asked = server.options(
        "/v1/search", headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    )

    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://shop.example"


def test_no_page_may_ask_unless_named(server: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:9999"):
        assert server.get("/v1/search?q=red", headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("origin", ["*", "shop.example", "https://", "https://a/b", "ftp://a", "https://*.example"])
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ServerUnavailable, match="no origin"):
        ServerOptions(origins=(origin,))


def test_a_body_over_the_limit_is_refused_by_its_stated_length_and_by_its_real_one(serve: Serve) -> None:
    server = serve(ServerOptions(limits=RequestLimits(max_body_bytes=1_000)))

    stated = server.post("/v1/uploads", content=b"x" * 1_001)
    streamed = server.post("/v1/uploads", content=iter([b"x" * 400] * 3))

    assert stated.status_code == streamed.status_code == 413
    assert "1,000 bytes" in stated.json()["detail"]


def test_a_caller_who_asks_too_often_waits(serve: Serve) -> None:
    server = serve(ServerOptions(limits=RequestLimits(requests_per_s=0.001, burst=3)))

    statuses = [server.get("/v1/info").status_code for _ in range(5)]
    last = server.get("/v1/info")

    assert statuses == [200, 200, 200, 429, 429]
    assert int(last.headers["retry-after"]) > 100
    assert server.get("/health").status_code == 200


def test_the_table_of_callers_is_bounded() -> None:
    limit = RateLimit(1.0, 1, clock=lambda: 0.0)
    for number in range(30_000):
        limit.take(f"caller {number}")

    assert len(limit._buckets) <= 10_000
    with pytest.raises(Problem):
        limit.take("caller 29999")


def test_a_key_is_not_slowed_by_who_guesses_keys(serve: Serve, store: KeyStore) -> None:
    _, text = store.create("shop", Scope.READ)
    server = serve(ServerOptions(limits=RequestLimits(requests_per_s=0.001, burst=3)))
    for _ in range(6):
        server.get("/v1/info", headers=bearer("psk_guess"))

    assert server.get("/v1/info", headers=bearer("psk_guess")).status_code == 429
    assert server.get("/v1/info", headers=bearer(text)).status_code == 200


def asked_by_hand(server: TestClient, path: str, receive: Receive, send: Send, method: str = "GET") -> None:
    """Put one request to the server as uvicorn would."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 5),
        "server": ("localhost", 8600),
        "scheme": "http",
        "http_version": "1.1",
    }

    async def ask() -> None:
        with anyio.fail_after(10):
            await server.app(scope, receive, send)

    run_apart(ask())


def test_a_body_that_trickles_in_is_given_up(serve: Serve) -> None:
    server = serve(ServerOptions(limits=RequestLimits(receive_s=0.2)))
    messages: list[Message] = [{"type": "http.request", "body": b'{"query": ', "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asked_by_hand(server, "/v1/search", receive, send, "POST")

    assert sent[0]["status"] == 408


def test_a_reader_who_takes_nothing_is_given_up(serve: Serve) -> None:
    server = serve(ServerOptions(limits=RequestLimits(send_s=0.2)))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    asked_by_hand(server, "/health", receive, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_every_answer_says_what_a_browser_may_do_with_it(server: TestClient) -> None:
    for path in ("/health", "/v1/search?q=red", "/v1/images/1/original", "/no/such/path"):
        headers = server.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"]), path


def test_the_log_tells_of_requests_and_not_what_was_asked(server: TestClient, log: io.StringIO) -> None:
    server.get("/v1/search", params={"q": "red secret"}, headers={"X-Request-ID": "mine-1"})

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = next(line for line in lines if line.get("request_id") == "mine-1")
    assert (told["route"], told["status"], told["method"]) == ("/v1/search", 200, "GET")
    assert told["ms"] > 0
    assert "secret" not in log.getvalue()


def test_the_log_tells_what_was_asked_where_it_is_wished(serve: Serve, log: io.StringIO) -> None:
    serve(ServerOptions(log_queries=True)).get("/v1/search", params={"q": "red secret"})

    assert "red secret" in log.getvalue()


def test_a_request_id_that_could_forge_a_line_is_not_taken(server: TestClient) -> None:
    answer = server.get("/health", headers={"X-Request-ID": 'a"} {"level": "error'})

    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def test_what_was_not_foreseen_is_told_in_the_log_alone(
    server: TestClient, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise RuntimeError("inside /srv/secret")

    monkeypatch.setattr("photoseek.api.library.Library.info", fail)
    answer = server.get("/v1/info")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "RuntimeError: inside /srv/secret" in log.getvalue()


def test_metrics_count_without_telling_what_was_asked(server: TestClient) -> None:
    server.get("/v1/search", params={"q": "red secret"})
    server.get("/v1/images/1/thumbnail")

    page = server.get("/metrics").text

    assert 'photoseek_requests_total{method="GET",route="/v1/search",status="200"} 1.0' in page
    assert 'photoseek_requests_total{method="GET",route="/v1/images/{image_id}/thumbnail",status="200"} 1.0' in page
    assert "photoseek_images 8.0" in page
    assert "photoseek_index_lag_transactions" in page
    assert 'photoseek_search_seconds_count{stage="search"}' in page
    assert "secret" not in page
    assert "colours" not in page
