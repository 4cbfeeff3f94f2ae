"""The commands that keep a library: remove, prune and doctor, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

import photoseek
from photoseek.tests.support.fakes import ColourEmbedder
from photoseek.tests.support.terminal import Outcome, Run, indexed, photos, read_list, run

__all__ = ["indexed", "photos", "run"]  # fixtures


def test_remove_says_how_many(run: Run, indexed: Path) -> None:
    assert run("remove", indexed / "red.png") == Outcome(0, "1 image removed\n", "")
    assert run("remove", indexed, "--json").json() == {"removed": 2, "failures": 0}
    assert (indexed / "red.png").exists()


def test_failures_that_are_forgotten_are_counted(run: Run, indexed: Path) -> None:
    (indexed / "bad.png").write_bytes(b"")
    run("index", indexed)
    assert run("remove", indexed / "bad.png").out == "0 images removed, 1 failure forgotten\n"


def test_an_image_is_removed_by_its_id(run: Run, indexed: Path) -> None:
    [hit] = read_list(run("search", "red", "-k", "1", "--json"))
    assert run("remove", f"id:{hit['id']}").out == "1 image removed\n"
    assert "no image of the library has the id" in run("remove", f"id:{hit['id']}").error()


def test_removing_what_is_not_known_is_one_line(run: Run, indexed: Path) -> None:
    assert "the library knows nothing at or below this path" in run("remove", indexed / "grey.png").error()


def test_a_relative_path_is_meant_from_here(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed)
    assert run("remove", "./red.png").out == "1 image removed\n"


def test_prune_says_how_many(run: Run, indexed: Path) -> None:
    (indexed / "red.png").unlink()
    run("index", indexed)
    assert run("prune", "--missing-for", "2") == Outcome(0, "0 images pruned\n", "")
    assert run("prune", "--json").json() == {"pruned": 1, "failures": 0}
    assert run("prune", "--missing-for", "-1").code == 2


def test_a_healthy_library_is_said_to_be_so(run: Run, indexed: Path) -> None:
    assert run("doctor") == Outcome(0, "healthy: everything is as it should be\n", "")
    assert run("doctor", "--json").json() == []


def test_what_is_wrong_is_told_with_its_remedy_until_it_is_repaired(run: Run, indexed: Path) -> None:
    with (
        photoseek.open(indexed.parent / "library", model=ColourEmbedder()) as library,
        library._handle.store.database.writing() as (connection, _),
    ):
        connection.exec_driver_sql("INSERT INTO deletions VALUES (1, 1)")
    told = "deletions: 1 image noted as deleted but there"
    hint = "mend what can be mended with: photoseek doctor --repair\n"
    assert run("doctor") == Outcome(1, f"WRONG  {told}\n", hint)
    assert run("doctor", "--json").code == 1
    assert run("doctor", "--repair") == Outcome(0, f"repaired  {told}\n", "")
    assert run("doctor").code == 0


def test_what_changes_no_answer_is_noted_and_no_error(run: Run, indexed: Path) -> None:
    (indexed.parent / "library" / "writer.owner").write_text("`photoseek index`", encoding="utf-8")
    answered = run("doctor")
    assert answered == Outcome(0, "noted  lock: `photoseek index` ended without taking its name off the lock\n", "")
    assert run("doctor", "--json").json() == [
        {
            "check": "lock",
            "detail": "`photoseek index` ended without taking its name off the lock",
            "repaired": False,
            "harmless": True,
            "by_hand": False,
        }
    ]


def test_settings_that_make_no_sense_are_a_finding(run: Run, indexed: Path) -> None:
    (indexed.parent / "library" / "library.toml").write_text("colour = 1", encoding="utf-8")
    answered = run("doctor")
    assert answered.code == 1
    assert "WRONG  settings: " in answered.out
    assert "unknown setting 'colour'" in answered.out


def test_no_library_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("doctor").error().startswith(f"no library at {tmp_path / 'library'}")


def test_what_no_repair_mends_is_said_to_need_a_hand(run: Run, indexed: Path) -> None:
    (indexed.parent / "library" / "library.toml").write_text("model = ", encoding="utf-8")
    for arguments in (("doctor",), ("doctor", "--repair")):
        code, out, err = (answer := run(*arguments)).code, answer.out, answer.err
        assert (code, out.startswith("WRONG  settings: ")) == (1, True)
        assert "move this one away and index again" in err
        assert "doctor --repair" not in err
