"""A library for the doctor's tests, with the means to hurt it and to say what is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

import photoseek
from photoseek import Finding, Library
from photoseek.library.doctor import examine
from photoseek.library.vectors import live_vectors
from photoseek.tests.support.fakes import ColourEmbedder, paint


@dataclass
class Ward:
    """A library of four images with a vector file, and the means to hurt it."""

    folder: Path
    photos: Path
    url: sa.URL

    def sql(self, *statements: str) -> None:
        """Run statements as somebody with a database tool would: no rule of ours is in force."""
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def number(self, query: str) -> int:
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            found = int(connection.exec_driver_sql(query).scalar_one())
        engine.dispose()
        return found

    def library(self) -> Library:
        return photoseek.open(self.folder, model=ColourEmbedder())

    def index(self) -> None:
        with self.library() as library:
            library.index(self.photos)

    def names(self, text: str) -> list[str]:
        with self.library() as library:
            return sorted(hit.image.path.name for hit in library.search(text) if hit.score > 0.99)

    def vector_file(self) -> Path:
        [path] = self.folder.glob("vectors/*/gen-*.vectors")
        return path

    def is_found(self, check: str, *, harmless: bool = False) -> str:
        """Assert that exactly this is wrong, that looking changes nothing, and that it is told as it is."""
        [finding] = examine(self.folder)
        assert finding == Finding(check, finding.detail, repaired=False, harmless=harmless)
        assert examine(self.folder) == [finding]
        return finding.detail

    def is_repaired(self, check: str) -> None:
        """Assert that this is wrong, mended when asked, and then no longer wrong."""
        [found] = examine(self.folder)
        [repaired] = examine(self.folder, repair=True)
        assert (found.check, found.repaired) == (check, False)
        assert (repaired.check, repaired.repaired, repaired.harmless) == (check, True, found.harmless)
        assert examine(self.folder) == []


@pytest.fixture
def ward(tmp_path: Path, database_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> Ward:
    folder, photos = tmp_path / "library", tmp_path / "photos"
    url = database_url
    if url.get_backend_name() == "sqlite":
        url = url.set(database=str(folder / "catalog.sqlite"))
    else:
        folder.mkdir()
        catalog = url.render_as_string(hide_password=False)
        (folder / "library.toml").write_text(f'catalog = "{catalog}"\n', encoding="utf-8")
    for name, colour in {"red": "red", "green": "green", "blue": "blue"}.items():
        paint(photos / f"{name}.png", colour)
    paint(photos / "rose.png", (255, 20, 20))
    made = Ward(folder, photos, url)
    with monkeypatch.context() as early:
        early.setattr(live_vectors, "should_build", lambda _total, newer: newer > 0)
        made.index()
    return made


@pytest.fixture
def sqlite_ward(ward: Ward) -> Ward:
    if ward.url.get_backend_name() != "sqlite":
        pytest.skip("of SQLite alone")
    return ward


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Notes on vector files passed over are for people."""
    with caplog.at_level("CRITICAL"):
        yield
