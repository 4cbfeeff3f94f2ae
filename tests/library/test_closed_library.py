"""A library that may not be written, for want of permission or on a read-only disk, is read all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import photoseek
from photoseek import LibraryError
from photoseek.tests.cli.test_process import command
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge
from photoseek.tests.support.mounts import SmallDisk, humbly
from photoseek.tests.support.untouched import cache, labelled, pages, state_of
from photoseek.tests.support.wards import quiet

__all__ = ["cache", "labelled", "pages", "quiet"]


def _closed(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.fixture(params=["without permission", "on a read-only disk"])
def closed(
    request: pytest.FixtureRequest, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A library of four pictures and a file that failed, which may not be written; its photographs are beside it."""
    photos = tmp_path / "photos"
    for name, colour in {"red": (255, 0, 0), "rose": (255, 20, 20), "green": (0, 255, 0), "blue": (0, 0, 255)}.items():
        paint(photos / f"{name}.png", colour)
    (photos / "red.txt").write_text("a red wall")
    (photos / "broken.png").write_bytes(b"not a picture")
    disk = SmallDisk(tmp_path / "disk")
    if request.param == "on a read-only disk":
        disk.mount(size_kb=4_000)
    disk.path.mkdir(exist_ok=True)
    monkeypatch.setenv("PHOTOSEEK_LIBRARY", str(disk.path / "library"))
    done = subprocess.run(command("index", photos), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if request.param == "on a read-only disk":
        disk.remount("ro")
    else:
        _closed(disk.path / "library")
    yield disk.path / "library"
    for path in [disk.path, *disk.path.rglob("*")] if request.param == "without permission" else ():
        path.chmod(0o755)
    disk.unmount()


_ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from photoseek.tests.cli.test_process import main_with_fake
told = []
for arguments in json.loads(sys.argv[1]):
    sys.argv, out, err, code = ["photoseek", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main_with_fake()
        except SystemExit as end:
            code = end.code or 0
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


def run(*commands: tuple[str | Path, ...]) -> list[tuple[int, str, str]]:
    """Run commands as a user whom permissions bind, one after the other; return codes, stdout and stderr."""
    given = json.dumps([[str(argument) for argument in arguments] for arguments in commands])
    arguments = [*humbly(), sys.executable, "-c", _ONE_AFTER_THE_OTHER, given]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def test_it_is_really_closed_to_those_who_read_it(closed: Path) -> None:
    code = f"open({str(closed / 'catalog.sqlite')!r}, 'r+b')"
    tried = subprocess.run([*humbly(), sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "PermissionError" in tried.stderr or "Read-only file system" in tried.stderr


def test_it_is_searched_examined_and_exported(closed: Path, cache: Path, labelled: Path, tmp_path: Path) -> None:
    red = tmp_path / "photos" / "red.png"
    before = state_of(closed)
    likely = ("search", "red", "--threshold", "auto", "--json")
    searches = [
        ("search", "red", "--json"),
        likely,
        ("search", "a red wall", "--texts", "--json"),
        ("search", "red", "--rerank", "4", "--judge", "regions", "--json"),
    ]
    others = [
        ("info", "--json"),
        ("failures", "--json"),
        ("duplicates", "--json"),
        ("describe", red, "--json"),
        ("describe", red, "--texts", "--json"),
        ("doctor", "--json"),
        ("eval", labelled, "--json"),
        ("export", "--npy", tmp_path / "export"),
    ]
    answers = run(*searches, *others)
    assert [answer for answer in answers if answer[0] != 0] == []
    for _, out, _ in answers[: len(searches)]:
        assert json.loads(out)[0]["path"] == str(red)
    info, failures, _, labels, texts, findings, measured = (
        json.loads(out) for _, out, _ in answers[len(searches) : -1]
    )
    assert (info["images"], info["failures"]) == (4, 1)
    assert [Path(failure["path"]).name for failure in failures] == ["broken.png"]
    assert labels
    assert "a red wall" in str(texts)
    assert [finding for finding in findings if not finding["harmless"]] == []
    assert measured
    assert list((tmp_path / "export").iterdir())
    # What was learned of its scores is kept for the next process.
    [kept] = cache.glob("libraries/*/calibration/*.npz")
    learned_ns = kept.stat().st_mtime_ns
    assert run(likely)[0][0] == 0
    assert kept.stat().st_mtime_ns == learned_ns
    assert state_of(closed) == before


def test_its_pages_are_shown(closed: Path, tmp_path: Path, pages: None) -> None:
    before = state_of(closed)
    picture = tmp_path / "photos" / "red.png"
    program = [sys.executable, "-W", "ignore", "-m", "photoseek.tests.support.page_walk"]
    arguments = [*humbly(), *program, str(closed), str(picture)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "What is it? It is red." in done.stdout
    assert "Reranked" in done.stdout
    assert "cannot be written" in done.stdout.replace("\\", "")  # to index was tried, too
    assert state_of(closed) == before


def test_what_would_write_is_refused_in_one_line(closed: Path, labelled: Path, tmp_path: Path) -> None:
    before, photos = state_of(closed), tmp_path / "photos"
    refused = run(
        ("index", photos),
        ("remove", photos / "red.png"),
        ("prune",),
        ("doctor", "--repair"),
        ("eval", labelled, "--rerank", "3"),
    )
    for code, out, err in refused:
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"photoseek: {closed} cannot be written")
    assert state_of(closed) == before


def test_without_a_cache_either_it_is_searched(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(closed / "cache"))
    [(code, out, err)] = run(("search", "red", "--threshold", "auto", "--json"))
    assert (code, err) == (0, "")
    assert json.loads(out)


@pytest.mark.parametrize("closed", ["on a read-only disk"], indirect=True)  # which stops a superuser, too
def test_the_api_meets_it_as_the_commands_do(closed: Path) -> None:
    with photoseek.open(closed, model=ColourEmbedder("mini@1"), judge=ColourJudge()) as library:
        assert not library.is_read_only
        assert library.search("red")[0].image.path.name == "red.png"
        assert [*library.refine("red")][-1].judged_count == 4
        with pytest.raises(LibraryError, match="cannot be written"):
            library.caption()
