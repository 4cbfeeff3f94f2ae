"""Pictures for the browser: small, kept within a bound, by signed ids, decoded in isolation."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import photoseek
from photoseek.api import uploads as uploads_module
from photoseek.api.uploads import MOST_KEPT_OF_ONE, MOST_UPLOAD_BYTES, Uploads
from photoseek.library.checked_files import CHECKSUM_BYTES
from photoseek.library.errors import ImageUnreadable
from photoseek.library.images.thumbnails import ThumbnailCache
from photoseek.library.types import ImageRecord
from photoseek.tests.support.browser import serving
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.ui.images import SIDE_PX, ImageServer, Shape


@pytest.fixture
def library(tmp_path: Path) -> Iterator[photoseek.Library]:
    paint(tmp_path / "photos" / "red.png", "red", (1_500, 900))
    with photoseek.open(tmp_path / "x.library", model=ColourEmbedder()) as opened:
        opened.index([tmp_path / "photos"])
        yield opened


@pytest.fixture
def pictures(library: photoseek.Library, tmp_path: Path) -> Iterator[ImageServer]:
    made = ImageServer(library, ThumbnailCache(tmp_path / "cache"), b"secret", "")
    yield made
    made.close()


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    kept = Uploads()
    yield kept
    kept.close()


def only(library: photoseek.Library) -> ImageRecord:
    [image] = library.newest(5)
    return image


def test_a_thumbnail_keeps_the_aspect_and_is_made_once(library: photoseek.Library, pictures: ImageServer) -> None:
    image = only(library)
    data = pictures.jpeg(image, Shape.GRID)
    assert Image.open(io.BytesIO(data)).size == (SIDE_PX[Shape.GRID], 307)
    image.path.unlink()
    assert pictures.jpeg(image, Shape.GRID) == data
    with pytest.raises(ImageUnreadable):
        pictures.jpeg(image, Shape.SCREEN)


def test_an_address_holds_an_id_and_a_signature_and_no_path(library: photoseek.Library, pictures: ImageServer) -> None:
    image = only(library)
    address = pictures.address(image, Shape.SCREEN)
    assert re.fullmatch(rf"/pictures/screen/{image.id}\?v=[0-9a-f]{{12}}&k=[0-9a-f]{{32}}", address)
    signature = address.rpartition("k=")[2]
    assert pictures.is_signed(f"screen/{image.id}", signature)
    assert not pictures.is_signed(f"file/{image.id}", signature)
    assert not pictures.is_signed(f"screen/{image.id + 1}", signature)


def test_the_cache_keeps_within_its_bound_and_forgets_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, bound_bytes=1_000)
    for number in range(10):
        cache.put(f"{number:02}", bytes(100 - CHECKSUM_BYTES))
        os.utime(tmp_path / f"{number:02}" / f"{number:02}", ns=(number, number))
    assert cache.get("00") is not None  # used now: it is the newest
    cache.put("10", bytes(100 - CHECKSUM_BYTES))
    kept = sorted(file.name for file in tmp_path.glob("*/*"))
    assert kept == ["00", "03", "04", "05", "06", "07", "08", "09", "10"]
    assert cache.get("01") is None


def test_a_cache_that_cannot_be_written_keeps_nothing_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ThumbnailCache(tmp_path / "file")
    cache.put("ab", b"x")
    assert cache.get("ab") is None


def test_a_picture_that_is_brought_becomes_one_of_ours(uploads: Uploads, tmp_path: Path) -> None:
    data = paint(tmp_path / "a.bmp", "blue", (3_000, 1_500)).read_bytes()
    upload = uploads.add(data, "../a\x00.bmp")
    picture = Image.open(upload.file)
    assert (picture.format, picture.size) == ("PNG", (1_024, 512))
    assert upload.name == "../a .bmp"
    assert uploads.get(upload.key) == upload
    assert upload.preview.startswith("data:image/jpeg;base64,")
    assert [file.name for file in upload.file.parent.iterdir()] == [upload.file.name]


def test_who_brings_many_pictures_loses_the_oldest_of_them_and_nobody_elses(uploads: Uploads, tmp_path: Path) -> None:
    data = paint(tmp_path / "a.png", "blue", (8, 8)).read_bytes()
    first = uploads.add(data, "a.png", "another visit")
    own = [uploads.add(data, "a.png", "this visit") for _ in range(MOST_KEPT_OF_ONE + 3)]
    assert uploads.get(first.key) == first
    assert [uploads.get(each.key) for each in own] == [None] * 3 + own[3:]
    assert not any(each.file.exists() for each in own[:3])
    assert len(list(first.file.parent.iterdir())) == MOST_KEPT_OF_ONE + 1


@pytest.mark.parametrize(("bound", "most"), [("_MOST_KEPT", 2), ("_MOST_KEPT_BYTES", 150)])
def test_what_all_visits_brought_is_bounded_on_the_disk_too(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    data = paint(tmp_path / "a.png", "blue", (8, 8)).read_bytes()
    monkeypatch.setattr(uploads_module, bound, most)
    brought = [uploads.add(data, "a.png", f"visit {number}") for number in range(5)]
    kept = [each for each in brought if uploads.get(each.key) is not None]
    assert kept == brought[-len(kept) :]
    assert 1 <= len(kept) <= 2
    assert sum(each.size_bytes for each in kept) <= 2 * brought[0].size_bytes
    assert {file.name for file in brought[0].file.parent.iterdir()} == {each.file.name for each in kept}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "is a text file"),
        (bytes(MOST_UPLOAD_BYTES + 1), "over the limit"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(uploads: Uploads, data: bytes, reason: str) -> None:
    with pytest.raises(ImageUnreadable, match=reason):
        uploads.add(data, "x.png")


def test_a_bomb_of_pixels_is_refused_by_its_header(uploads: Uploads) -> None:
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    assert len(stream.getvalue()) < 100_000
    with pytest.raises(ImageUnreadable, match="over the limit"):
        uploads.add(stream.getvalue(), "bomb.png")


def test_what_makes_pictures_small_knows_nothing_of_indexing_or_the_catalogue() -> None:
    code = (
        "import sys, photoseek.library.images.thumbnails\n"
        "print([name for name in sys.modules if 'photoseek.indexer' in name or 'photoseek.library.catalog' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def status(address: str, data: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(address, data) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_server_gives_no_picture_without_a_signature_and_nothing_by_path(sample_library: Path) -> None:
    with serving(sample_library) as address:
        assert status(f"{address}/pictures/grid/1") == 404
        assert status(f"{address}/pictures/grid/1?k={'0' * 32}") == 404
        assert status(f"{address}/pictures/file/../../../etc/passwd?k=x") in {400, 404}
        assert status(f"{address}/pictures/upload?k=x", b"data") == 403


def test_a_damaged_thumbnail_is_as_good_as_none(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path)
    cache.put("aabb", b"a picture")
    [file] = tmp_path.glob("??/*")
    whole = file.read_bytes()
    assert cache.get("aabb") == b"a picture"
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.get("aabb") is None
    file.write_bytes(whole[:5])
    assert cache.get("aabb") is None
