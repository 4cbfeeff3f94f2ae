"""The command line, through `main`, when something is wrong: one line for every error, a hint for every slip."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from photoseek.library.embedders.base import Embedder
from photoseek.library.lock import writing_lock
from photoseek.tests.support.terminal import Outcome, Run, indexed, photos, run

__all__ = ["indexed", "photos", "run"]  # fixtures


def test_without_a_library_there_is_one_line_and_what_to_do(run: Run, tmp_path: Path) -> None:
    line = f"no library at {tmp_path}/library: make one with `photoseek index FOLDER`, or name another with --library"
    for command in (("search", "red"), ("failures",), ("info",), ("info", "--json")):
        assert run(*command).error() == line


def test_a_missing_folder_is_named(run: Run, tmp_path: Path) -> None:
    assert run("index", tmp_path / "nowhere").error() == (
        f"{tmp_path}/nowhere: no such file or folder; check the spelling, or whether its disk is mounted"
    )
    assert not (tmp_path / "library").exists()


def test_a_folder_of_nobody_is_named(run: Run) -> None:
    assert "no such file or folder" in run("index", "~no-such-user/photos").error()


def test_a_wrong_or_unknown_model_says_which_would_do(run: Run, indexed: Path) -> None:
    assert (
        "this library was indexed with mini@1, not with shades@1" in run("search", "red", "--model", "shades").error()
    )
    for command in (("search", "red"), ("index", indexed), ("describe", indexed / "red.png")):
        assert run(*command, "--model", "minni").error().startswith("unknown model 'minni': use mini")


def test_an_unreadable_example_is_named(run: Run, indexed: Path) -> None:
    (indexed / "letter.png").write_text("Dear all,")
    for name in ("gone.png", "letter.png", ""):
        for command in (("search", "--like", indexed / name), ("describe", indexed / name)):
            assert run(*command).error().startswith(f"{indexed / name}: ")


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_question_is_refused(run: Run, indexed: Path, text: str) -> None:
    assert run("search", text).error() == "the words to look for are empty"


def test_no_question_at_all_shows_how_to_ask(run: Run, indexed: Path) -> None:
    assert run("search").error().startswith("nothing to look for: give some words, as in `photoseek search")


def test_a_damaged_catalogue_is_told_apart_and_left_alone(run: Run, indexed: Path, tmp_path: Path) -> None:
    file = tmp_path / "library" / "catalog.sqlite"
    for extra in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
        (tmp_path / "library" / extra).unlink(missing_ok=True)
    for content in (b"this is not a database at all, but long enough to be one" * 20, file.read_bytes()[:5000]):
        file.write_bytes(content)
        for command in (("search", "red"), ("info",), ("failures",), ("index", indexed)):
            assert str(file) in run(*command).error()
        assert file.read_bytes() == content


def test_a_foreign_database_is_no_library(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    with sqlite3.connect(tmp_path / "library" / "catalog.sqlite") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    assert str(tmp_path / "library") in run("search", "red").error()


def test_damaged_settings_are_named(run: Run, indexed: Path, tmp_path: Path) -> None:
    settings = tmp_path / "library" / "library.toml"
    for content in ("model = ", "colour = 'red'", "model = 3"):
        settings.write_text(content)
        assert run("search", "red").error().startswith(f"{settings}: ")


def test_a_library_made_by_a_newer_photoseek_is_refused(run: Run, indexed: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "library" / "catalog.sqlite") as connection:
        connection.execute("UPDATE meta SET schema_version = 99")
    for command in (("search", "red"), ("index", indexed)):
        assert "was made by a newer photoseek (schema 99" in run(*command).error()


def test_a_library_that_is_a_file_is_refused(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "library").write_text("")
    for command in (("index", photos), ("search", "red"), ("info",)):
        assert str(tmp_path / "library") in run(*command).error()


def test_a_library_being_written_names_its_writer(run: Run, indexed: Path, tmp_path: Path) -> None:
    with writing_lock(tmp_path / "library", "index"):
        assert (
            run("index", indexed)
            .error()
            .startswith(f"{tmp_path}/library is being written by `photoseek index` (process {os.getpid()} on ")
        )
        assert run("search", "red").code == 0
    assert run("index", indexed).code == 0


def test_what_nobody_foresaw_is_one_line_and_where_to_see_more(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_name: str) -> Embedder:
        raise ZeroDivisionError("division by zero\nin two lines")

    monkeypatch.setattr("photoseek.api.handle.load_embedder", broken)
    outcome = run("search", "red")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "photoseek: unexpected ZeroDivisionError: division by zero in two lines; "
        "PHOTOSEEK_DEBUG=1 shows where, please report it\n"
    )
    monkeypatch.setenv("PHOTOSEEK_DEBUG", "1")
    assert "Traceback" in run("search", "red").err


def test_ctrl_c_ends_any_command_quietly(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_name: str) -> Embedder:
        raise KeyboardInterrupt

    monkeypatch.setattr("photoseek.api.handle.load_embedder", interrupted)
    assert run("search", "red") == Outcome(130, "", "photoseek: interrupted\n")


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        ("index",),
        ("search", "red", "-k", "0"),
        ("search", "red", "-k", "many"),
        ("search", "red", "--threshold", "high"),
        ("search", "red", "--weight", "0"),
        ("search", "red", "--sort", "size"),
        ("eval",),
        ("describe",),
        ("index", ".", "--batch-size", "0"),
        ("index", ".", "--colour"),
        ("serach", "red"),
    ],
)
def test_a_mistyped_command_is_exit_code_2_with_a_hint(run: Run, arguments: Sequence[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: photoseek")
    assert "Traceback" not in outcome.err


COMMANDS = ("index", "search", "eval", "describe", "failures", "info", "demo")


def test_help_names_every_command_in_whole_sentences(run: Run) -> None:
    help_text = run("--help").out
    for command in COMMANDS:
        [line] = [line for line in help_text.splitlines() if line.startswith(f"  {command} ")]
        assert line.endswith(".")
        assert not line.endswith("...")
    assert "photoseek index ~/Pictures\n" in help_text
    assert "130 interrupted" in help_text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_explains_every_option(run: Run, command: str) -> None:
    outcome = run(command, "-h")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: photoseek {command}")
    options = [line for line in outcome.out.splitlines() if line.startswith("  -")]
    assert all(re.search(r"\S  +[A-Zm]", line) or len(line) < 30 for line in options), options


def test_the_version_is_told(run: Run) -> None:
    assert re.fullmatch(r"photoseek, version \d+\.\d+\.\d+\n", run("--version").out)
