"""/v1/embeddings and /knn-service: the model and the search for programs that were written for others."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from photoseek.tests.support.fakes import ColourEmbedder

MODEL = "colours@1"


def png(colour: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(stream, "PNG")
    return stream.getvalue()


def test_texts_and_pictures_land_in_the_space_of_the_library(server: TestClient) -> None:
    picture = "data:image/png;base64," + base64.b64encode(png((0, 0, 255))).decode()
    answer = server.post("/v1/embeddings", json={"model": MODEL, "input": ["red", picture]}).json()

    assert [one["index"] for one in answer["data"]] == [0, 1]
    assert answer["data"][0]["embedding"] == ColourEmbedder().embed_texts(["red"])[0].tolist()
    assert answer["data"][1]["embedding"] == pytest.approx([0, 0, 1], abs=0.02)
    assert answer["model"] == MODEL


def test_base64_holds_the_same_numbers(server: TestClient) -> None:
    body = {"model": "colours", "input": "green", "encoding_format": "base64"}
    packed = server.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]

    assert np.frombuffer(base64.b64decode(packed), "<f4").tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"model": "text-embedding-3-small"}, 404, "the model here is colours@1"),
        ({"input": []}, 422, "at least 1"),
        ({"input": ""}, 422, "at least 1"),
        ({"input": ["  "]}, 422, "empty"),
        ({"input": ["a"] * 257}, 422, "256"),
        ({"dimensions": 2}, 422, "cannot be cut"),
        ({"input": ["data:image/png;base64,####"]}, 422, "base64"),
        ({"input": ["http://169.254.169.254/latest/meta-data"]}, 422, "private"),
    ],
)
def test_what_cannot_be_embedded_is_a_problem(
    server: TestClient, change: dict[str, object], status: int, reason: str
) -> None:
    answer = server.post("/v1/embeddings", json={"model": MODEL, "input": "red"} | change)

    assert answer.status_code == status
    assert reason in answer.json()["detail"]


def test_a_picture_that_is_sent_is_never_decoded_in_the_server(
    server: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is sent is decoded in a process apart; the model then reads a picture of our own making.
    opened: list[str] = []

    def embed(_self: object, files: list[Path]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        opened.extend(Image.open(file).format or "" for file in files)
        return np.ones((len(files), 3), dtype=np.float32)

    monkeypatch.setattr("photoseek.api.library.Library.embed_images", embed)
    stream = io.BytesIO()
    Image.new("RGB", (20, 20), (255, 0, 0)).save(stream, "TIFF")
    given = "data:image/tiff;base64," + base64.b64encode(stream.getvalue()).decode()

    assert server.post("/v1/embeddings", json={"model": MODEL, "input": given}).status_code == 200
    assert opened == ["PNG"]


def test_the_shim_answers_words_pictures_and_vectors(server: TestClient) -> None:
    words = server.post("/knn-service", json={"text": "blue", "modality": "image", "num_images": 1}).json()
    image = base64.b64encode(png((0, 0, 250))).decode()
    picture = server.post("/knn-service", json={"image": image, "num_images": 1}).json()
    vector = server.post("/knn-service", json={"embedding_input": [0.0, 0.0, 2.0], "num_images": 1}).json()

    assert {Path(answer[0]["image_path"]).stem for answer in (words, picture, vector)} == {"blue"}
    assert words[0]["similarity"] == pytest.approx(1.0)
    assert server.get(words[0]["url"]).status_code == 200


def test_the_shim_tells_captions_and_folds(server: TestClient) -> None:
    hits = server.post("/knn-service", json={"text": "red", "num_images": 8, "deduplicate": True}).json()

    captions = {Path(hit["image_path"]).stem: hit["caption"] for hit in hits}
    assert "a red door in the sun" in captions.values() or "told" not in captions
    assert len(captions) == len(hits)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "image": "b"},
        {"embedding_input": [1.0, 2.0]},
        {"embedding_input": [0.0, 0.0, 0.0]},
        {"text": "red", "num_images": 0},
        {"image_url": "http://localhost/x.png"},
    ],
)
def test_the_shim_refuses_what_it_cannot_answer(server: TestClient, body: dict[str, object]) -> None:
    answer = server.post("/knn-service", json=body)

    assert 400 <= answer.status_code < 500 or answer.status_code == 503
    assert answer.json()["detail"]


def test_openapi_names_every_route_and_is_valid(server: TestClient) -> None:
    document = server.get("/openapi.json").json()

    assert document["openapi"].startswith("3.")
    assert {"/v1/search", "/v1/search/stream", "/v1/embeddings", "/v1/index", "/knn-service"} <= set(document["paths"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
