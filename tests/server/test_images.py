"""/v1/images, /v1/index and what else speaks of the library, over HTTP."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import photoseek
from photoseek.server.options import ServerOptions
from photoseek.tests.server.conftest import Serve
from photoseek.tests.support.fakes import ColourEmbedder, paint


def id_of(server: TestClient, name: str) -> int:
    hits = server.post("/v1/search", json={"query": "red", "k": 100}).json()["hits"]
    return int(next(hit["id"] for hit in hits if Path(hit["path"]).stem == name))


def test_an_image_tells_what_is_known_of_it(server: TestClient, colour_folder: Path) -> None:
    found = server.get(f"/v1/images/{id_of(server, 'told')}").json()

    assert found["path"] == str(colour_folder / "told.png")
    assert found["facts"]["width"] == 60
    assert [text["body"] for text in found["texts"]] == ["a red door in the sun"]


def test_a_thumbnail_is_a_small_jpeg(server: TestClient, tmp_path: Path) -> None:
    paint(tmp_path / "large" / "large.png", "green", size=(900, 450))
    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        library.index(tmp_path / "large")

    answer = server.get(f"/v1/images/{id_of(server, 'large')}/thumbnail", params={"side": 256})

    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == ("JPEG", (256, 128))


def test_an_original_is_the_file_to_the_byte_and_only_to_be_saved(server: TestClient, colour_folder: Path) -> None:
    answer = server.get(f"/v1/images/{id_of(server, 'green')}/original")

    assert answer.content == (colour_folder / "green.png").read_bytes()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_file_that_changed_since_is_not_served(serve: Serve, tmp_path: Path) -> None:
    file = paint(tmp_path / "own" / "own.png", "red", size=(33, 33))
    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        library.index(tmp_path / "own")
    server = serve()
    image_id = id_of(server, "own")
    file.write_bytes(b"something else that was never indexed")

    answer = server.get(f"/v1/images/{image_id}/original")

    assert answer.status_code == 422
    assert "never indexed" not in answer.text


@pytest.mark.parametrize("tail", ["", "/thumbnail", "/original", "/similar", "/describe", "/caption"])
@pytest.mark.parametrize("image_id", ["999999", "-1", "9223372036854775808", "1e3", "..%2f..%2fetc", "a"])
def test_an_image_that_is_not_here_is_a_problem(server: TestClient, image_id: str, tail: str) -> None:
    answer = server.get(f"/v1/images/{image_id}{tail}")

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_a_picture_shows_is_described_and_captions_are_told(server: TestClient) -> None:
    told = id_of(server, "told")

    labels = server.get(f"/v1/images/{told}/describe", params={"k": 3}).json()["labels"]
    captions = server.get(f"/v1/images/{told}/caption").json()["captions"]

    assert len(labels) == 3
    assert labels[0]["score"] >= labels[2]["score"]
    assert [one["body"] for one in captions] == ["a red door in the sun"]


def test_a_question_without_a_model_that_answers_says_what_is_missing(server: TestClient) -> None:
    answer = server.post(f"/v1/images/{id_of(server, 'told')}/ask", json={"question": "Is it raining?"})

    assert answer.status_code == 501
    assert "vision-language model" in answer.json()["detail"]


def test_a_run_indexes_and_can_be_looked_after(server: TestClient, tmp_path: Path) -> None:
    paint(tmp_path / "more" / "new.png", "blue", size=(31, 31))
    assert server.get("/v1/index").status_code == 404

    begun = server.post("/v1/index", json={"paths": [str(tmp_path / "more")]})
    assert begun.status_code == 202
    deadline_s = time.monotonic() + 60
    while (state := server.get("/v1/index").json())["state"] == "running" and time.monotonic() < deadline_s:
        time.sleep(0.2)

    # The run is a process of its own, and knows nothing of the colours that this library is embedded with.
    assert state["state"] == "failed"
    assert "colours" in state["error"]


def test_a_folder_that_is_not_there_is_told_by_the_run(server: TestClient) -> None:
    server.post("/v1/index", json={"paths": ["/no/such/folder"]})
    deadline_s = time.monotonic() + 60
    while (state := server.get("/v1/index").json())["state"] == "running" and time.monotonic() < deadline_s:
        time.sleep(0.2)

    assert state["state"] == "failed"
    assert state["error"]


def test_a_read_only_server_indexes_nothing(serve: Serve) -> None:
    answer = serve(ServerOptions(read_only=True)).post("/v1/index", json={})

    assert answer.status_code == 403
    assert "read-only" in answer.json()["detail"]


def test_duplicates_are_grouped(server: TestClient, tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / "copies" / f"copy-{number}.png", (9, 9, 240), size=(90, 90))
    with photoseek.open(tmp_path / "lib", model=ColourEmbedder()) as library:
        library.index(tmp_path / "copies")

    groups = server.get("/v1/duplicates", params={"near": False}).json()["groups"]

    assert [[Path(one["path"]).stem for one in group["images"]] for group in groups] == [["copy-0", "copy-1", "copy-2"]]


def test_labelled_queries_are_measured(server: TestClient) -> None:
    lines = [{"query": "red", "relevant": ["red.png", "told.png"]}, {"query": "blue", "relevant": ["blue.png"]}]
    body = "\n".join(json.dumps(line) for line in lines)

    figures = server.post("/v1/eval", content=body.encode()).json()["figures"]
    broken = server.post("/v1/eval", content=b"not labelled")

    assert {figure["queries"] for figure in figures if figure["direction"] == "text to image"} == {2}
    assert broken.status_code == 422
    assert broken.json()["detail"].startswith("the queries: ")
