"""An empty path, as of a variable that was not set, is an error wherever one is taken; and remove is not rash."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import photoseek
from photoseek.library.settings import cache_folder, library_folder
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.tests.support.judges import ColourJudge
from photoseek.tests.support.terminal import Outcome, Run, indexed, photos, run

__all__ = ["indexed", "photos", "run"]  # fixtures

EMPTY = ["", " ", "\t\n"]

COMMANDS = [
    ("index", "?"),
    ("index", "PHOTOS", "?"),
    ("watch", "?"),
    ("remove", "?"),
    ("remove", "PHOTOS", "?"),
    ("describe", "?"),
    ("show", "?"),
    ("verify", "?"),
    ("classify", "?", "--labels", "red,blue"),
    ("caption", "?"),
    ("ask", "?", "What is it?"),
    ("eval", "?"),
    ("search", "--like", "?"),
    ("search", "red", "--not-like", "?"),
    ("search", "red + file:?"),
    ("search", "red", "--csv", "?"),
    ("search", "red", "--html", "?"),
    ("search", "red", "--sheet", "?"),
    ("export", "--npy", "?"),
    ("export", "--parquet", "?"),
    *((name, "--library", "?") for name in ("info", "failures", "doctor", "prune", "ui", "verify", "compact", "cache")),
    ("search", "red", "--library", "?"),
    ("remove", "PHOTOS", "--library", "?"),
]


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_empty_path_is_an_error_of_every_command(
    run: Run, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], empty: str
) -> None:
    monkeypatch.chdir(indexed)
    monkeypatch.setattr("photoseek.rerank.registry.load_vlm", lambda _name: ColourJudge())
    monkeypatch.setattr("photoseek.ui.launch.serve", lambda _options: None)
    before = catalogue(run)
    arguments = [str(indexed) if word == "PHOTOS" else word.replace("?", empty) for word in words]
    outcome = run(*arguments)
    assert outcome.code in {1, 2}
    assert outcome.out == ""
    assert "empty" in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err
    assert catalogue(run) == before
    assert sorted(path.name for path in indexed.iterdir()) == ["blue.png", "red.png", "violet.png"]


def catalogue(run: Run) -> object:
    return run("search", "red", "--json").json()


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
def test_an_empty_path_is_an_error_of_every_verb(
    run: Run, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    monkeypatch.chdir(indexed)
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1"), judge=ColourJudge()) as library:
        hits = library.search("red")
        verbs: list[Callable[[], object]] = [
            lambda: library.index(empty),
            lambda: library.index([indexed, empty]),
            lambda: library.watch(empty),
            lambda: library.remove(empty),
            lambda: library.remove([indexed, empty]),
            lambda: library.search(like=empty),
            lambda: library.describe(empty),
            lambda: library.classify([empty], ["red", "blue"]),
            lambda: library.texts.search(empty),
            lambda: library.caption(empty),
            lambda: library.caption([indexed, empty]),
            lambda: library.caption_of(empty),
            lambda: library.ask(empty, "What?"),
            lambda: library.evaluate(empty),
            lambda: library.tune(empty),
            lambda: library.export_npy(empty),
            lambda: library.export_parquet(empty),
            lambda: library.export_csv(hits, empty),
            lambda: library.export_html(hits, empty, title=""),
            lambda: library.export_sheet(hits, empty, title=""),
            lambda: photoseek.open(empty),
        ]
        for verb in verbs:
            with pytest.raises(photoseek.PhotoseekError, match="empty"):
                verb()
        assert library.search("red") == hits


def test_no_paths_at_all_are_not_taken_for_everything(run: Run, indexed: Path, tmp_path: Path) -> None:
    judge = ColourJudge()
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1"), judge=judge) as library:
        with pytest.raises(photoseek.QueryError, match="no paths"):
            library.caption([])
        assert judge.sizes == []


def test_variables_of_blanks_are_errors_and_empty_ones_unset(tmp_path: Path) -> None:
    assert library_folder(None, {"PHOTOSEEK_LIBRARY": ""}).name == "default.library"
    assert cache_folder({"PHOTOSEEK_CACHE": ""}).name == "photoseek"
    with pytest.raises(photoseek.SettingsError, match=r"PHOTOSEEK_LIBRARY: .*empty"):
        library_folder(None, {"PHOTOSEEK_LIBRARY": " "})
    with pytest.raises(photoseek.SettingsError, match=r"PHOTOSEEK_CACHE: .*empty"):
        cache_folder({"PHOTOSEEK_CACHE": " "})


@pytest.fixture
def many(run: Run, tmp_path: Path) -> Path:
    """Twenty-one pictures, one more than are forgotten unasked."""
    for number in range(21):
        paint(tmp_path / "many" / f"{number:02}.png", (255, number, 0))
    assert run("index", tmp_path / "many").code == 0
    return tmp_path / "many"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a user at a terminal who answers as given."""

    class Typed:
        def __init__(self, line: str) -> None:
            self.line = line

        def isatty(self) -> bool:
            return True

        def readline(self, *_size: int) -> str:
            line, self.line = self.line, ""
            return line

    return lambda answer: monkeypatch.setattr(sys, "stdin", Typed(f"{answer}\n"))


def count(run: Run) -> int:
    answer = run("info", "--json").json()
    assert isinstance(answer, dict)
    return int(answer["images"])


def test_more_than_twenty_images_are_not_removed_without_a_terminal_or_yes(run: Run, many: Path) -> None:
    error = run("remove", many).error()
    assert "21 images" in error
    assert "--yes" in error
    assert count(run) == 21
    assert run("remove", many, "--yes") == Outcome(0, "21 images removed\n", "")


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 21), ("", 21)])
def test_more_than_twenty_images_are_asked_about_on_a_terminal(
    run: Run, many: Path, terminal: Callable[[str], None], answer: str, left: int
) -> None:
    terminal(answer)
    outcome = run("remove", many)
    assert "21 images" in outcome.err
    assert outcome.code == (1 if left else 0)
    assert count(run) == left


def test_overlapping_paths_are_counted_once_and_twenty_images_are_removed_unasked(run: Run, many: Path) -> None:
    assert "21 images" in run("remove", many, many / "00.png", f"{many}/").error()
    (many / "00.png").unlink()
    assert run("remove", many / "00.png").out == "1 image removed\n"
    assert run("remove", many).out == "20 images removed\n"


def test_the_api_tells_how_many_it_would_remove(run: Run, many: Path, tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "library", model=ColourEmbedder("mini@1")) as library:
        assert library.would_remove(many) == photoseek.Removed(21, 0)
        assert library.would_remove([many / "00.png", many / "01.png", many / "00.png"]) == photoseek.Removed(2, 0)
        with pytest.raises(photoseek.NotIndexed):
            library.would_remove(tmp_path / "nowhere")
        assert library.info().images == 21
