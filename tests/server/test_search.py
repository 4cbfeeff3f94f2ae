"""/v1/search: the answers of `Library.search`, over HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import photoseek
from photoseek.tests.server.conftest import Serve, names
from photoseek.tests.support.fakes import ColourEmbedder, paint


def data_uri(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def test_words_find_what_the_library_finds(server: TestClient, tmp_path: Path) -> None:
    answer = server.get("/v1/search", params={"q": "red", "k": 3}).json()

    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        hits = library.search("red", k=3)
    assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [(hit.image.id, hit.score) for hit in hits]
    assert names(answer)[0] == "red"
    first = answer["hits"][0]
    assert first["facts"]["width"] == 40
    assert first["facts"]["format"] == "PNG"


def test_post_answers_as_get_does(server: TestClient) -> None:
    got = server.get("/v1/search", params={"q": "blue", "k": 2, "where": "width > 41"}).json()
    posted = server.post("/v1/search", json={"query": "blue", "k": 2, "where": "width > 41"}).json()

    assert got["hits"] == posted["hits"]
    assert names(posted)[0] == "blue"


def test_terms_are_weighed_and_kept_away_from(server: TestClient) -> None:
    terms = [{"text": "red"}, {"text": "green", "weight": 0.5}]
    mixed = server.post("/v1/search", json={"terms": terms, "k": 1}).json()
    without = server.post("/v1/search", json={"terms": [{"text": "red"}, {"text": "green", "weight": -1}]}).json()

    assert names(mixed) == ["mix-2"]  # (140, 80, 20) is nearest to (1, 0.5, 0)
    assert names(without)[-1] == "green"


def test_a_picture_is_looked_for_by_upload_data_and_id(server: TestClient, tmp_path: Path) -> None:
    file = paint(tmp_path / "mine.png", (2, 250, 3))
    sent = server.post("/v1/uploads", content=file.read_bytes())
    form = server.post("/v1/uploads", files={"file": ("x.png", file.read_bytes(), "image/png")})
    green = server.get("/v1/search", params={"q": "green", "k": 1}).json()["hits"][0]["id"]

    assert sent.status_code == form.status_code == 201
    for term in (
        {"upload": sent.json()["upload"]},
        {"upload": form.json()["upload"]},
        {"data": data_uri(file)},
        {"image_id": green},
    ):
        assert names(server.post("/v1/search", json={"terms": [term], "k": 1}).json()) == ["green"], term


def test_pages_hold_every_image_once(server: TestClient) -> None:
    body = {"query": "red", "k": 3}
    seen: list[int] = []
    while True:
        page = server.post("/v1/search", json=body).json()
        seen += [hit["id"] for hit in page["hits"]]
        if page["next"] is None:
            break
        body = body | {"cursor": page["next"]}

    whole = server.post("/v1/search", json={"query": "red", "k": 100}).json()
    assert seen == [hit["id"] for hit in whole["hits"]]
    assert len(seen) == 8


def test_a_page_goes_on_where_it_was_though_the_library_has_grown(
    server: TestClient, tmp_path: Path, colour_folder: Path
) -> None:
    first = server.post("/v1/search", json={"query": "red", "k": 4}).json()
    more = tmp_path / "more"
    for number in range(9):  # all of them rank before the second page
        paint(more / f"new-{number}.png", (255, 0, 0), size=(70 + number, 9))
    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        library.index(more)

    second = server.post("/v1/search", json={"query": "red", "k": 4, "cursor": first["next"]}).json()

    shown = {hit["id"] for hit in first["hits"]}
    assert not shown & {hit["id"] for hit in second["hits"]}
    assert {"green", "blue"} <= set(names(second))


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [("abc", "is none"), ("", "is none"), (base64.urlsafe_b64encode(b'{"n":1}').decode(), "is none")],
)
def test_a_cursor_that_is_none_is_refused(server: TestClient, cursor: str, reason: str) -> None:
    answer = server.post("/v1/search", json={"query": "red", "cursor": cursor})

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


def test_a_cursor_of_another_question_is_refused(server: TestClient) -> None:
    page = server.post("/v1/search", json={"query": "red", "k": 2}).json()

    answer = server.post("/v1/search", json={"query": "blue", "k": 2, "cursor": page["next"]})

    assert answer.status_code == 422
    assert "another question" in answer.json()["detail"]


def test_captions_are_told_when_asked_for(server: TestClient) -> None:
    told = server.post("/v1/search", json={"query": "red", "captions": True, "facts": False}).json()["hits"]

    texts = {Path(hit["path"]).stem: hit["texts"] for hit in told}
    assert [text["body"] for text in texts["told"]] == ["a red door in the sun"]
    assert texts["green"] == []
    assert all(hit["facts"] is None for hit in told)


def test_folding_puts_copies_under_the_best(serve: Serve, tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / "copies" / f"copy-{number}.png", (9, 9, 240))
    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        library.index(tmp_path / "copies")

    hits = serve().post("/v1/search", json={"query": "blue", "where": "width = 12", "fold": True}).json()["hits"]

    assert len(hits) == 1
    assert len(hits[0]["duplicates"]) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "nothing to look for"),
        ({"query": "  "}, "empty"),
        ({"query": "red", "k": 0}, "greater than or equal to 1"),
        ({"query": "red", "k": 10_000}, "less than or equal to 1000"),
        ({"query": "red", "where": "widht > 3"}, "widht"),
        ({"query": "red", "colour": 1}, "Extra inputs"),
        ({"terms": [{"text": "a", "image_id": 2}]}, "one of text"),
        ({"terms": [{"image_id": 999}]}, "999"),
        ({"terms": [{"text": "a", "weight": 0}]}, "weight"),
        ({"terms": [{"text": "a", "weight": -1}]}, "keep away"),
        ({"terms": [{"upload": "no-such"}]}, "send the picture again"),
        ({"terms": [{"data": "data:image/png;base64,AAAA"}]}, "picture"),
        ({"terms": [{"data": "data:image/png,AAAA"}]}, "data URI"),
        ({"terms": [{"url": "http://127.0.0.1:1/x.png"}]}, "private"),
        ({"terms": [{"url": "file:///etc/passwd"}]}, "only http"),
        ({"terms": [{"path": "/etc/passwd"}]}, "Extra inputs"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_says_why(
    server: TestClient, body: dict[str, object], reason: str
) -> None:
    answer = server.post("/v1/search", json=body)

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert reason in problem["detail"]
    assert "\n" not in problem["detail"]
    assert problem["instance"].endswith(answer.headers["x-request-id"])


def test_words_are_words_and_never_a_path(server: TestClient) -> None:
    for words in ("/etc/passwd", "file:/etc/passwd", "./red.png", "id:1", "2:red + blue"):
        assert server.get("/v1/search", params={"q": words}).status_code == 200


def test_the_stream_gives_the_first_order_and_then_the_judged_one(server: TestClient) -> None:
    with server.stream("POST", "/v1/search/stream", json={"query": "red", "k": 3, "depth": 4}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]

    assert lines[0] == "event: ranking"
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert events[0]["judged"] == 0
    assert [event["is_final"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["judged"] == 4
    assert names(events[0])[0] == "red"
    assert all(len(event["hits"]) == 3 for event in events)


def test_similar_leaves_the_picture_itself_out(server: TestClient) -> None:
    red = server.get("/v1/search", params={"q": "red", "k": 1}).json()["hits"][0]["id"]

    answer = server.get(f"/v1/images/{red}/similar", params={"k": 2}).json()

    assert len(answer["hits"]) == 2
    assert red not in [hit["id"] for hit in answer["hits"]]
    assert names(answer)[0] == "told"


def test_many_questions_at_once_are_each_answered_as_if_alone(server: TestClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    asked = ["red", "green", "blue", "red green", "green blue"] * 12
    alone = {words: server.get("/v1/search", params={"q": words, "k": 4}).json()["hits"] for words in set(asked)}

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda words: server.get("/v1/search", params={"q": words, "k": 4}).json(), asked))

    for words, answer in zip(asked, answers, strict=True):
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in alone[words]]
