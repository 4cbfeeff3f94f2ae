"""What a model saw at the places of pictures is kept beside their vectors, and goes when the pictures go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

import photoseek
from photoseek.indexer.pipeline import IndexOptions
from photoseek.library.types import Pixels, Vectors
from photoseek.tests.support.fakes import ColourEmbedder, paint


class KeepingEmbedder(ColourEmbedder):
    """The colours, and as places the first pixel."""

    places_version = "first-pixel-1"

    def embed_keeping_places(self, pixels: Pixels) -> tuple[Vectors, list[bytes]]:
        return self.embed_images(pixels), [one[0, 0].tobytes() for one in pixels]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "red.png", (255, 0, 0))
    paint(folder / "blue.png", (0, 0, 255))
    return folder


def rows(folder: Path) -> list[tuple[str, bytes]]:
    engine = sa.create_engine(f"sqlite:///{folder / 'catalog.sqlite'}")
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT version, data FROM places ORDER BY data")).all()
    engine.dispose()
    return [(version, bytes(data)) for version, data in found]


def test_places_are_kept_with_the_vector_and_once_for_copies(tmp_path: Path, photos: Path) -> None:
    shutil.copy(photos / "red.png", photos / "red again.png")
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        library.index(photos)
    assert rows(tmp_path / "library") == [("first-pixel-1", b"\x00\x00\xff"), ("first-pixel-1", b"\xff\x00\x00")]


def test_places_are_left_out_when_asked(tmp_path: Path, photos: Path) -> None:
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        library.index(photos, IndexOptions(keep_places=False))
        assert [hit.image.path.name for hit in library.search("red", k=1)] == ["red.png"]
    assert rows(tmp_path / "library") == []


def test_places_go_with_the_last_picture_that_shows_them(tmp_path: Path, photos: Path) -> None:
    shutil.copy(photos / "red.png", photos / "red again.png")
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        library.index(photos)
        library.remove(photos / "red.png")
        assert len(rows(tmp_path / "library")) == 2
        library.remove(photos / "red again.png")
        assert rows(tmp_path / "library") == [("first-pixel-1", b"\x00\x00\xff")]


def test_a_library_made_before_there_were_places_gets_them_when_it_is_indexed_again(
    tmp_path: Path, photos: Path
) -> None:
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        library.index(photos / "blue.png")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'library' / 'catalog.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE places"))
    engine.dispose()
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        assert library.search("blue", k=1)
        library.remove(photos / "blue.png")
        library.index(photos)
    assert len(rows(tmp_path / "library")) == 2


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE places SET data = x'00' WHERE data = x'FF0000'", "places of 1 picture cut short"),
        ("UPDATE places SET content_hash = 'gone' WHERE data = x'FF0000'", "places of 1 picture that no image shows"),
    ],
)
def test_the_doctor_drops_places_that_serve_nothing(tmp_path: Path, photos: Path, damage: str, told: str) -> None:
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        library.index(photos)
        assert library.doctor() == []
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'library' / 'catalog.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text(damage))
    engine.dispose()
    with photoseek.open(tmp_path / "library", model=KeepingEmbedder()) as library:
        [finding] = library.doctor(repair=True)
        assert finding.detail.startswith(told)
        assert library.doctor() == []
    assert rows(tmp_path / "library") == [("first-pixel-1", b"\x00\x00\xff")]
