"""What the browser fetches beside the pages: bounded on its way in, harmless on its way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from photoseek.tests.support.loops import run_apart

pytest.importorskip("starlette", reason="pages are not tested: starlette is not installed")

from starlette.requests import Request
from starlette.responses import FileResponse, Response

import photoseek
from photoseek.api.uploads import MOST_UPLOAD_BYTES, Uploads
from photoseek.library.images.thumbnails import ThumbnailCache
from photoseek.library.types import ImageRecord
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.ui.images import ImageServer, Shape
from photoseek.ui.routes import _Serving

BLOCK = bytes(1 << 20)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[photoseek.Library]:
    paint(tmp_path / "photos" / "r\u00f6d & <b>.png", "red", (60, 40))
    with photoseek.open(tmp_path / "x.library", model=ColourEmbedder()) as opened:
        opened.index([tmp_path / "photos"])
        yield opened


@pytest.fixture
def image(library: photoseek.Library) -> ImageRecord:
    [only] = library.newest(5)
    return only


@pytest.fixture
def pictures(library: photoseek.Library, tmp_path: Path) -> Iterator[ImageServer]:
    with closing(ImageServer(library, ThumbnailCache(tmp_path / "cache"), b"secret", "")) as made:
        yield made


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    with closing(Uploads()) as kept:
        yield kept


@pytest.fixture
def serving(pictures: ImageServer, uploads: Uploads) -> _Serving:
    return _Serving(pictures, uploads)


class Sender:
    """A browser that sends blocks of its body for as long as they are taken, and a few hundred at most."""

    def __init__(self) -> None:
        self.sent_bytes = 0

    async def __call__(self) -> dict[str, object]:
        self.sent_bytes += len(BLOCK)
        return {"type": "http.request", "body": BLOCK, "more_body": self.sent_bytes < 20 * MOST_UPLOAD_BYTES}


def fetched(serving: _Serving, pictures: ImageServer, image: ImageRecord, shape: Shape) -> Response:
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "query_string": f"k={pictures.sign(f'{shape.value}/{image.id}')}".encode(),
        "path_params": {"shape": shape.value, "image_id": image.id},
    }
    return run_apart(serving.picture(Request(scope)))


def test_an_upload_ends_where_it_is_too_large_and_not_where_it_would(serving: _Serving, pictures: ImageServer) -> None:
    query = f"visit=me&k={pictures.sign('upload/me')}".encode()
    scope = {"type": "http", "method": "POST", "headers": [], "query_string": query, "path_params": {}}
    sender = Sender()
    answer = run_apart(serving.upload(Request(scope, sender)))
    assert (answer.status_code, json.loads(bytes(answer.body))) == (
        413,
        {"error": "pictures of up to 20 MB can be brought"},
    )
    assert sender.sent_bytes <= MOST_UPLOAD_BYTES + 2 * len(BLOCK)


def test_a_file_is_sent_to_be_saved_and_never_shown(
    serving: _Serving, pictures: ImageServer, image: ImageRecord
) -> None:
    answer = fetched(serving, pictures, image, Shape.FILE)
    assert isinstance(answer, FileResponse)
    assert Path(answer.path) == image.path
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%B6d%20%26%20%3Cb%3E.png"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "cache-control" not in answer.headers


def test_a_small_picture_is_a_jpeg_and_nothing_else(
    serving: _Serving, pictures: ImageServer, image: ImageRecord
) -> None:
    answer = fetched(serving, pictures, image, Shape.GRID)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, max-age=86400, immutable"


def test_a_refusal_is_not_sniffed_either(serving: _Serving, pictures: ImageServer, image: ImageRecord) -> None:
    image.path.unlink()
    answer = fetched(serving, pictures, image, Shape.FILE)
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (404, "nosniff")


def test_a_file_that_changed_since_it_was_indexed_is_not_served_as_what_it_was(
    serving: _Serving, pictures: ImageServer, image: ImageRecord
) -> None:
    image.path.write_bytes(b"something private, saved under the old name")
    answer = fetched(serving, pictures, image, Shape.FILE)
    assert answer.status_code == 404
    assert b"private" not in bytes(answer.body)


def test_what_a_changed_file_shows_is_not_kept_as_what_it_showed(
    serving: _Serving, pictures: ImageServer, library: photoseek.Library, image: ImageRecord
) -> None:
    content = image.path.read_bytes()
    paint(image.path, "blue", (70, 30))
    fetched(serving, pictures, image, Shape.GRID)
    image.path.write_bytes(content)
    shown = pictures.image(image, Shape.GRID)
    assert shown.size == (60, 40)
    red, green, blue = shown.resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200 > max(green, blue)
