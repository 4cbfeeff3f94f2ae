"""Files of answers and exports replace nothing unasked, and never an image of the library, whatever is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import photoseek
from photoseek.library.files import whole_file
from photoseek.tests.support.fakes import ColourEmbedder
from photoseek.tests.support.judges import ColourJudge
from photoseek.tests.support.terminal import Run, indexed, photos, run

__all__ = ["indexed", "photos", "run"]  # fixtures

BEFORE = b"mine"
WRITERS = [
    ("search", "red", "--sheet", "x.png"),
    ("search", "red", "--csv", "x.csv"),
    ("search", "red", "--html", "x.html"),
    ("export", "--parquet", "x.parquet"),
    ("export", "--npy", "."),
]
WRITTEN = ["x.png", "x.csv", "x.html", "x.parquet", "vectors.npy"]
INTO_AN_IMAGE = [writer[:-1] for writer in WRITERS[:-1]]


def named(value: object) -> str:
    return str(value[-2]).strip("-") if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("writer", "name"), zip(WRITERS, WRITTEN, strict=True), ids=named)
def test_a_file_that_is_there_stays_unless_force_says_otherwise(
    run: Run, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: tuple[str, ...], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(BEFORE)
    error = run(*writer).error()
    assert "there is such a file already" in error
    assert "--force" in error
    assert (tmp_path / name).read_bytes() == BEFORE
    assert run(*writer, "--force").code == 0
    assert (tmp_path / name).read_bytes() != BEFORE


@pytest.mark.parametrize("writer", INTO_AN_IMAGE, ids=lambda writer: writer[-1].strip("-"))
@pytest.mark.parametrize("way", ["as it is", "from here", "by a link", "by a second name", "by a linked folder"])
def test_an_image_of_the_library_is_never_written_over(
    run: Run, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: tuple[str, ...], way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    image = indexed / "red.png"
    before = image.read_bytes()
    (tmp_path / "link.png").symlink_to(image)
    (tmp_path / "second.png").hardlink_to(image)
    (tmp_path / "folder").symlink_to(indexed)
    target = {
        "as it is": image,
        "from here": Path("photos/../photos/red.png"),
        "by a link": tmp_path / "link.png",
        "by a second name": tmp_path / "second.png",
        "by a linked folder": tmp_path / "folder" / "red.png",
    }[way]
    assert "it is an image of the library" in run(*writer, target, "--force").error()
    assert image.read_bytes() == target.read_bytes() == before


def test_an_image_that_could_not_be_read_and_an_archive_of_images_are_not_written_over(
    run: Run, indexed: Path, tmp_path: Path
) -> None:
    import zipfile

    (indexed / "broken.png").write_bytes(b"once a photograph")
    with zipfile.ZipFile(indexed / "old.zip", "w") as archive:
        archive.write(indexed / "red.png", "red again.png")
    assert run("index", indexed).code == 0
    for name in ("broken.png", "old.zip"):
        before = (indexed / name).read_bytes()
        assert "it is an image of the library" in run("search", "red", "--csv", indexed / name, "--force").error()
        assert (indexed / name).read_bytes() == before


def test_the_librarys_own_files_are_not_written_over(run: Run, indexed: Path, tmp_path: Path) -> None:
    settings = tmp_path / "library" / "library.toml"
    before = settings.read_bytes()
    assert "it is a file of the library's own" in run("search", "red", "--csv", settings, "--force").error()
    assert settings.read_bytes() == before


def test_it_is_said_before_anything_is_searched(
    tmp_path: Path, run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = ColourJudge()
    monkeypatch.setattr("photoseek.rerank.registry.load_judge", lambda _name: judge)
    (tmp_path / "x.csv").write_bytes(BEFORE)
    looking = ("search", "red", "--rerank", "3", "--judge", "colours", "--csv", tmp_path / "x.csv")
    run(*looking).error()
    assert judge.sizes == []
    assert run(*looking, "--force").code == 0
    assert judge.sizes != []


def test_the_api_asks_in_the_same_way(tmp_path: Path, run: Run, indexed: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1")) as library:
        hits = library.search("red")
        writers: list[Callable[[bool], None]] = [
            lambda replace: library.export_csv(hits, tmp_path / "x.csv", replace=replace),
            lambda replace: library.export_html(hits, tmp_path / "x.html", title="red", replace=replace),
            lambda replace: library.export_sheet(hits, tmp_path / "x.png", title="red", replace=replace),
        ]
        for write in writers:
            write(False)
            with pytest.raises(photoseek.ExportFailed, match="such a file already"):
                write(False)
            write(True)
        with pytest.raises(photoseek.ExportFailed, match="an image of the library"):
            library.export_sheet(hits, indexed / "red.png", title="red", replace=True)


def test_what_appears_while_a_file_is_written_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    with pytest.raises(photoseek.ExportFailed, match="such a file already"):
        _write_too_late(target)
    assert target.read_bytes() == BEFORE
    assert list(tmp_path.iterdir()) == [target]


def test_what_appears_stays_where_files_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(photoseek.ExportFailed, match="such a file already"):
        _write_too_late(tmp_path / "x.csv")
    with whole_file(tmp_path / "y.csv") as stream:
        stream.write(b"new")
    assert (tmp_path / "y.csv").read_bytes() == b"new"


def _write_too_late(target: Path) -> None:
    with whole_file(target) as stream:
        stream.write(b"late")
        target.write_bytes(BEFORE)
