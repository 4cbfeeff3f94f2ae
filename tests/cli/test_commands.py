"""The command line, through `main`: what each command prints, for people and in JSON."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from photoseek.tests.support.fakes import paint
from photoseek.tests.support.hostile import encoded, landscape
from photoseek.tests.support.terminal import Outcome, Run, indexed, photos, read_list, run

__all__ = ["indexed", "photos", "run"]  # fixtures


# What is answered


def test_index_counts_what_it_did(run: Run, photos: Path) -> None:
    assert run("index", photos) == Outcome(0, "3 new, 3 embedded\n", "")
    (photos / "red.png").rename(photos / "rose.png")
    (photos / "blue.png").unlink()
    (photos / "bad.png").write_bytes(b"")
    hint = "list the files that failed with: photoseek failures\n"
    assert run("index", photos) == Outcome(0, "0 new, 1 moved, 1 missing, 1 unchanged, 1 failed\n", hint)
    assert run("index", photos) == Outcome(0, "0 new, 2 unchanged, 1 still failing\n", hint)


def test_index_answers_in_json_with_every_count(run: Run, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"")
    assert run("index", photos, "--json").json() == {
        "new": 3,
        "changed": 0,
        "moved": 0,
        "missing": 0,
        "restored": 0,
        "touched": 0,
        "unchanged": 0,
        "failed": 1,
        "still_failing": 0,
        "embedded": 3,
        "interrupted": False,
        "hidden": 0,
    }


def test_index_takes_its_options(run: Run, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"")
    assert run("index", photos, "--batch-size", "1", "--workers", "1").code == 0
    assert run("index", photos, "--retry-failed").out == "0 new, 3 unchanged, 1 failed\n"
    assert run("index", photos / "red.png", photos / "blue.png").out == "0 new, 2 unchanged\n"
    for path in photos.iterdir():
        path.unlink()
    assert "add --prune if they are really gone" in run("index", photos).error()
    assert run("index", photos, "--prune").out == "0 new, 3 missing\n"


def test_search_prints_score_and_path_best_first(run: Run, indexed: Path) -> None:
    assert run("search", "red") == Outcome(
        0, f" 1.000  {indexed}/red.png\n 0.707  {indexed}/violet.png\n 0.000  {indexed}/blue.png\n", ""
    )
    assert run("search", "red", "-k", "1").out == f" 1.000  {indexed}/red.png\n"
    assert run("search", "--like", indexed / "blue.png", "--top", "1").out == f" 1.000  {indexed}/blue.png\n"
    assert run("search", "red", "--like", indexed / "blue.png", "-k", "1").out == f" 1.000  {indexed}/violet.png\n"


def test_search_answers_in_json_with_id_path_and_score_first(run: Run, indexed: Path) -> None:
    hits = run("search", "red", "-k", "2", "--json").json()
    assert isinstance(hits, list)
    assert [list(hit)[:3] for hit in hits] == [["id", "path", "score"]] * 2
    assert [hit["path"] for hit in hits] == [str(indexed / "red.png"), str(indexed / "violet.png")]
    assert hits[0] == {
        "id": hits[0]["id"],
        "path": str(indexed / "red.png"),
        "score": 1.0,
        "probability": None,
        "size_bytes": (indexed / "red.png").stat().st_size,
        "mtime_ns": (indexed / "red.png").stat().st_mtime_ns,
        "content_hash": hits[0]["content_hash"],
        "width": 12,
        "height": 10,
        "format": "PNG",
        "orientation": 1,
        "taken_at": None,
        "camera": None,
        "latitude": None,
        "longitude": None,
        "taken_offset_min": None,
        "lens": None,
        "rating": None,
        "colours": "red",
        "perceptual_hash": 0,
        "warning": None,
    }


def test_a_date_in_json_is_iso_8601(run: Run, photos: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    Image.new("RGB", (30, 20), (0, 255, 0)).save(photos / "dated.jpg", exif=exif)
    run("index", photos)
    hits = run("search", "green", "-k", "1", "--json").json()
    assert isinstance(hits, list)
    assert hits[0]["taken_at"] == "2024-05-06T07:08:09"


def test_an_empty_library_answers_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("index", tmp_path / "empty") == Outcome(0, f"no pictures found in {tmp_path / 'empty'}\n", "")
    assert run("search", "red") == Outcome(0, "", "no images: there are none in this library\n")
    assert run("search", "red", "--json").out == "[]\n"


def test_describe_prints_the_labels_best_first(run: Run, photos: Path) -> None:
    assert run("describe", photos / "violet.png") == Outcome(
        0, " 1.000  blue and red\n 0.707  red\n 0.000  green\n", ""
    )
    assert run("describe", photos / "red.png", "-k", "1", "--json").json() == [{"text": "red", "score": 1.0}]


def test_failures_lists_path_reason_and_tries(run: Run, photos: Path) -> None:
    bad = photos / "bad.png"
    bad.write_bytes(b"")
    run("index", photos)
    [failure] = read_list(run("failures", "--json"))
    assert failure == {"path": str(bad), "stage": "decode", "reason": failure["reason"], "tries": 1}
    assert run("failures") == Outcome(0, f"{bad}: {failure['reason']}\n", "")
    run("index", photos, "--retry-failed")
    assert run("failures").out == f"{bad}: {failure['reason']} (2 tries)\n"


def test_no_failures_are_said_to_be_none(run: Run, indexed: Path) -> None:
    assert run("failures") == Outcome(0, "", "no failures\n")
    assert run("failures", "--json").json() == []


def test_pictures_kept_though_damaged_are_listed_apart(run: Run, indexed: Path) -> None:
    assert run("failures", "--kept") == Outcome(0, "", "no damaged pictures\n")
    whole = encoded(landscape(np.random.default_rng(1), 300, 200), "BMP")
    (indexed / "cut.bmp").write_bytes(whole[: len(whole) * 95 // 100])
    run("index", indexed)
    warning = "truncated: 94% of the picture is there"
    assert run("failures", "--kept") == Outcome(0, f"{indexed / 'cut.bmp'}: {warning}\n", "")
    assert run("failures", "--kept", "--json").json() == [{"path": str(indexed / "cut.bmp"), "warning": warning}]
    assert run("failures", "--json").json() == []


def test_info_says_what_a_library_holds(run: Run, indexed: Path, tmp_path: Path) -> None:
    (indexed / "red.png").unlink()
    run("index", indexed)
    run("index", indexed, "--model", "shades")
    lines = run("info").out.splitlines()
    assert lines[:5] == [
        f"library   {tmp_path}/library",
        "images    2, and 1 whose files are missing",
        "failures  0",
        "model     mini (mini@1): 2 vectors of 3 dimensions",
        "model     shades (shades@1): 2 vectors of 3 dimensions",
    ]
    assert re.fullmatch(r"on disk   \d+\.\d MB", lines[5])
    told = run("info", "--json").json()
    assert isinstance(told, dict)
    assert told.pop("size_bytes") > 0
    assert told == {
        "folder": str(tmp_path / "library"),
        "images": 2,
        "missing": 1,
        "failures": 0,
        "models": [
            {"key": "mini@1", "name": "mini", "dim": 3, "vectors": 2},
            {"key": "shades@1", "name": "shades", "dim": 3, "vectors": 2},
        ],
    }


def test_the_library_is_the_option_before_the_environment(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run("index", photos, "--library", tmp_path / "other").code == 0
    assert not (tmp_path / "library").exists()
    assert run("search", "red", "-k", "1", "--library", tmp_path / "other").code == 0
    assert run("search", "red").code == 1


# Names that would steer a terminal, and letters that one may not know


NASTY = "two\nlines \x1b[31m\u202e.png"


def test_names_are_shown_on_one_line_and_kept_whole_in_json(run: Run, photos: Path) -> None:
    nasty = paint(photos / NASTY, "green")
    broken = photos / f"bad {NASTY}"
    broken.write_bytes(b"")
    run("index", photos)
    shown = f"{photos}/two\\nlines \\x1b[31m\\u202e.png"
    assert run("search", "green", "-k", "1").out == f" 1.000  {shown}\n"
    [hit] = read_list(run("search", "green", "-k", "1", "--json"))
    assert hit["path"] == str(nasty)
    assert run("failures").out.startswith(f"{photos}/bad two\\nlines \\x1b[31m\\u202e.png: ")
    answer = run("failures", "--json")
    assert read_list(answer)[0]["path"] == str(broken)
    assert answer.out.isascii()


def test_errors_show_names_on_one_line_too(run: Run, indexed: Path) -> None:
    assert "two\\x1b[31m" in run("search", "--like", indexed / "two\x1b[31m.png").error()


def test_names_that_are_not_unicode_are_found_and_shown_escaped(run: Run, photos: Path) -> None:
    odd = photos / os.fsdecode(b"d\xff") / os.fsdecode(b"caf\xe9.png")
    paint(odd, "green")
    odd.with_suffix(".txt").write_text("a green door")
    (photos / os.fsdecode(b"bad\xe9.png")).write_bytes(b"")
    shown = f"{photos}/d\\udcff/caf\\udce9.png"
    assert run("index", photos).out == "4 new, 1 failed, 4 embedded\n"
    assert run("index", photos).out == "0 new, 4 unchanged, 1 still failing\n"
    assert run("search", "green", "-k", "1").out == f" 1.000  {shown}\n"
    [hit] = read_list(run("search", "green", "-k", "1", "--json"))
    assert os.fsencode(str(hit["path"])) == os.fsencode(odd)
    assert run("failures").out.startswith(f"{photos}/bad\\udce9.png: ")
    assert f"path      {shown}" in run("show", odd).out
    assert "a green door" in run("show", odd).out
    assert run("search", "--like", odd, "-k", "1").out == f" 1.000  {shown}\n"
    assert run("search", "--where", "path ~ '*/caf*'", "--json").code == 0
    assert run("export", "--npy", photos.parent / "out").code == 0
    assert run("search", "green", "--csv", photos.parent / "a.csv", "--html", photos.parent / "a.html").code == 0
    odd.unlink()
    assert run("index", photos).out == "0 new, 1 missing, 3 unchanged, 1 still failing\n"
    assert run("remove", odd.parent).out == "1 image removed\n"
    assert run("index", photos / os.fsdecode(b"bad\xe9.png")).out == "0 new, 1 still failing\n"
    assert run("doctor").code == 0


# Image to text, duplicates, export


def test_classify_tells_the_chances_of_each_label(run: Run, photos: Path) -> None:
    picture = photos / "red.png"
    assert run("classify", "--labels", "blue,red", picture) == Outcome(0, f"{picture}: red 100%, blue 0%\n", "")
    answer = run("classify", "--labels", "red,blue", picture, photos / "blue.png", "--json").json()
    assert isinstance(answer, list)
    assert [one["labels"][0]["text"] for one in answer] == ["red", "blue"]
    assert "two labels" in run("classify", "--labels", "red", picture).error()


def test_classify_goes_on_after_a_bad_file(run: Run, photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"")
    outcome = run("classify", "--labels", "blue,red", photos / "bad.png", photos / "red.png")
    assert (outcome.code, outcome.out) == (1, f"{photos / 'red.png'}: red 100%, blue 0%\n")
    assert outcome.err.startswith(f"photoseek: {photos / 'bad.png'}: ")
    assert len(outcome.err.splitlines()) == 1


def test_describe_takes_an_image_of_the_library_by_its_id(run: Run, indexed: Path) -> None:
    [hit] = read_list(run("search", "red", "-k", "1", "--json"))
    (indexed / "red.png").unlink()
    assert run("describe", f"id:{hit['id']}", "-k", "1", "--texts").out == " 1.000  red\n"
    assert "no image of the library has the id 99" in run("describe", "id:99").error()


def test_describe_tells_the_librarys_texts_when_asked(run: Run, photos: Path) -> None:
    (photos / "red.txt").write_text("a red barn")
    run("index", photos)
    outcome = run("describe", photos / "red.png", "-k", "1", "--texts")
    assert outcome.out.splitlines() == [" 1.000  red", f' 1.000  "a red barn"  caption of {photos / "red.png"}']
    answer = run("describe", photos / "red.png", "-k", "1", "--texts", "--json").json()
    assert isinstance(answer, dict)
    assert [text["body"] for text in answer["texts"]] == ["a red barn"]


def test_duplicates_are_listed_in_groups(run: Run, indexed: Path) -> None:
    assert run("duplicates") == Outcome(0, "", "no duplicates\n")
    (indexed / "copy.png").write_bytes((indexed / "red.png").read_bytes())
    run("index", indexed)
    outcome = run("duplicates", "--exact")
    assert outcome.out.splitlines()[0] == "2 exact"
    answer = run("duplicates", "--json").json()
    assert isinstance(answer, list)
    assert [(group["kind"], len(group["images"])) for group in answer] == [("exact", 2)]


def test_export_says_how_many_and_where(run: Run, indexed: Path, tmp_path: Path) -> None:
    assert run("export", "--npy", tmp_path / "out") == Outcome(0, "", f"3 images exported to {tmp_path / 'out'}\n")
    assert "add --force to replace it" in run("export", "--npy", tmp_path / "out").error()
    assert run("export", "--npy", tmp_path / "out", "--force", "--json").json() == {str(tmp_path / "out"): 3}
    assert run("export").code == 2


def test_answers_go_to_files_as_well(run: Run, indexed: Path, tmp_path: Path) -> None:
    files = {"--csv": tmp_path / "a.csv", "--html": tmp_path / "a.html", "--sheet": tmp_path / "a.jpg"}
    arguments = [part for pair in files.items() for part in pair]
    outcome = run("search", "red", "--show", *arguments)
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 3
    assert outcome.err == "this terminal shows no pictures: try --sheet FILE or --html FILE\n"
    assert all(file.stat().st_size for file in files.values())
    assert "end it in .jpg" in run("search", "red", "--sheet", tmp_path / "a.txt").error()


def test_what_is_passed_by_is_told(run: Run, photos: Path) -> None:
    paint(photos / ".hidden" / "a.png", "green")
    with zipfile.ZipFile(photos / "outer.zip", "w") as outer:
        outer.write(photos / "red.png", "a.png")
        outer.writestr("inner.zip", b"PK")
    with tarfile.open(photos / "linked.tar", "w") as tar:
        tar.add(photos / "blue.png", "first.png")
        link = tarfile.TarInfo("second.png")
        link.type, link.linkname = tarfile.LNKTYPE, "first.png"
        tar.addfile(link)
    first = run("index", photos)
    assert first.out == "6 new, 1 failed, 6 embedded\n"
    assert first.err.splitlines()[0] == "passed by: 1 hidden folder; name one to index it"
    reason = "an archive inside another, which is not opened: unpack it, and index its folder"
    assert run("failures").out == f"{photos}/outer.zip!/inner.zip: {reason}\n"
    assert run("index", photos).out == "0 new, 6 unchanged, 1 still failing\n"
    found = read_list(run("search", "blue", "-k", "3", "--json"))
    assert {Path(str(hit["path"])).name for hit in found} == {"blue.png", "first.png", "second.png"}


def test_exports_and_the_doctor_tell_how_far_they_are(run: Run, indexed: Path, tmp_path: Path) -> None:
    from photoseek.api import open_library
    from photoseek.library.doctor import examine

    told: list[tuple[int, int]] = []
    with open_library() as library:
        library.export_npy(tmp_path / "out", progress=lambda done, total: told.append((done, total)))
        assert told == [(3, 3)]
        library.export_parquet(tmp_path / "out.parquet", progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)] * 2
    checks: list[tuple[int, int]] = []
    examine(tmp_path / "library", progress=lambda done, total: checks.append((done, total)))
    assert [done for done, _ in checks] == list(range(1, checks[-1][1] + 1))


def test_texts_are_found_by_what_they_mean(run: Run, photos: Path) -> None:
    assert run("index", photos).code == 0
    assert run("texts", "red").err == "no texts: none of the library's images has words of its own\n"
    (photos / "red.txt").write_text("red")
    (photos / "blue.txt").write_text("blue")
    run("index", photos)
    assert run("texts", "red", "-k", "1").out == f' 1.000  "red"  caption of {photos}/red.png\n'
    assert [one["body"] for one in read_list(run("texts", "red", "--json"))] == ["red", "blue"]
    assert run("texts").code == 2
