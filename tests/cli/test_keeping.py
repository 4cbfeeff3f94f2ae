"""The commands that keep a library: remove, prune and doctor, as they are typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import photoseek
from photoseek.tests.support.fakes import ColourEmbedder, paint
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


def test_verify_finds_what_size_and_date_hide(run: Run, indexed: Path) -> None:
    assert run("verify") == Outcome(0, "3 same\n", "")
    altered = indexed / "red.png"
    status, data = altered.stat(), bytearray(altered.read_bytes())
    data[-20] ^= 1
    altered.write_bytes(data)
    os.utime(altered, ns=(status.st_atime_ns, status.st_mtime_ns))
    (indexed / "blue.png").unlink()
    assert run("index", indexed / "red.png").out == "0 new, 1 unchanged\n"  # as it cannot know
    outcome = run("verify")
    assert (outcome.code, outcome.out) == (1, "1 same, 1 altered, 1 unreadable\n")
    assert outcome.err.splitlines()[:2] == [f"altered  {altered}", f"unreadable  {indexed / 'blue.png'}"]
    assert run("verify", indexed / "violet.png", "--json").json() == {
        "same": 1,
        "altered": [],
        "unreadable": [],
        "outdated": 0,
        "interrupted": False,
    }
    assert run("verify", altered, "--reread").code == 1
    assert run("index", altered).out == "0 new, 1 changed, 1 embedded\n"
    assert "knows nothing" in run("verify", indexed / "none.png").err


def test_compact_gives_the_disk_back_what_was_removed(run: Run, indexed: Path, tmp_path: Path) -> None:
    for number in range(60):
        picture = paint(indexed / "more" / f"{number}.png", (number * 4, 9, 9), (20, 20))
        picture.with_suffix(".txt").write_text(f"{number} " + "a long story " * 150)
    run("index", indexed)
    run("search", "red", "--texts")
    assert run("remove", indexed / "more", "--yes").code == 0
    told = run("compact", "--json").json()
    assert isinstance(told, dict)
    assert told["after_bytes"] < 0.6 * told["before_bytes"]
    assert run("search", "red", "-k", "1").out == f" 1.000  {indexed}/red.png\n"
    assert run("remove", "/", "--yes").code == 0
    assert run("compact").out.endswith("MB after\n")
    assert run("search", "red").err == "no images: there are none in this library\n"
    assert run("doctor").code == 0
    assert run("index", indexed).code == 0
    assert run("search", "red", "-k", "1").out == f" 1.000  {indexed}/red.png\n"


def test_the_cache_is_shown_and_cleared_by_kind_and_model(run: Run, indexed: Path, tmp_path: Path) -> None:
    assert run("cache") == Outcome(0, "", "nothing is remembered\n")
    run("describe", indexed / "red.png")
    run("search", "red", "--threshold", "auto")
    run("search", "red", "--rerank", "3", "--judge", "regions")
    told = {one["kind"]: one for one in read_list(run("cache", "--json"))}
    assert set(told) == {"judgements", "calibration", "labels"}
    assert told["judgements"]["count"] == 3
    assert all(int(str(one["size_bytes"])) > 0 for one in told.values())
    judge = str(told["judgements"]["model"])
    assert run("cache", "--clear", "judgements", "--model", "another").err == "nothing of that is remembered\n"
    assert run("cache", "--clear", "judgements", "--model", judge).out.rstrip().endswith(f"{judge}, cleared")
    assert {one["kind"] for one in read_list(run("cache", "--json"))} == {"calibration", "labels"}
    assert run("cache", "--clear", "all").code == 0
    assert run("cache", "--json").json() == []
    assert run("search", "red", "-k", "1").code == 0
    assert run("cache", "--clear", "everything").code == 2


def test_the_cache_is_shown_without_a_library(run: Run, photos: Path) -> None:
    run("describe", photos / "red.png")
    assert [one["kind"] for one in read_list(run("cache", "--json"))] == ["labels"]
