"""Merging what was found with what is known: every file gets one step, every row that lost its file is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.indexer.discover import Found, Intact, Unlisted
from photoseek.indexer.plan import Retold, Step, StillFailing, ToRead, Unchanged, plan
from photoseek.library.catalog.changes import ArchiveListed, FailureGone, KnownFailure, KnownFile, Relocated, Vanished
from photoseek.library.images.sources import Failed, FileState

ROOT = "/p"

Seen: TypeAlias = FileState | Failed | Unlisted
"""What discovery yields of files and folders."""


def at(name: str, size_bytes: int = 1, mtime_ns: int = 1) -> FileState:
    return FileState(f"{ROOT}/{name}", ROOT, size_bytes, mtime_ns)


def row(image_id: int, name: str, mtime_ns: int = 1, *, missing: bool = False, embedded: bool = True) -> KnownFile:
    return KnownFile(image_id, f"{ROOT}/{name}", 1, mtime_ns, "hash", missing, embedded)


def unlisted(folder: str) -> Unlisted:
    return Unlisted(Failed(at(folder, 0, 0), "discover", "the folder cannot be listed: Permission denied"))


def steps(
    found: Sequence[Found] = (),
    known: Sequence[KnownFile] = (),
    failures: dict[str, KnownFailure] | None = None,
    *,
    retry_failed: bool = False,
) -> list[Step]:
    return list(plan(ROOT, found, known, failures or {}, retry_failed=retry_failed))


def test_a_new_file_is_read() -> None:
    assert steps([at("a.jpg")]) == [ToRead(at("a.jpg"), None)]


def test_a_file_of_the_same_size_and_date_is_left_alone() -> None:
    assert steps([at("a.jpg")], [row(1, "a.jpg")]) == [Unchanged()]


def test_a_file_of_another_size_or_date_is_read() -> None:
    known = row(1, "a.jpg")
    assert steps([at("a.jpg", size_bytes=2)], [known]) == [ToRead(at("a.jpg", size_bytes=2), known)]
    assert steps([at("a.jpg", mtime_ns=0)], [known]) == [ToRead(at("a.jpg", mtime_ns=0), known)]


def test_a_file_that_this_model_has_not_seen_is_read() -> None:
    known = row(1, "a.jpg", embedded=False)
    assert steps([at("a.jpg")], [known]) == [ToRead(at("a.jpg"), known)]


def test_a_row_without_a_file_has_vanished_once() -> None:
    assert steps([], [row(1, "a.jpg"), row(2, "b.jpg", missing=True)]) == [Vanished(1)]


def test_a_file_that_is_back_as_it_was_takes_its_row_again() -> None:
    assert steps([at("a.jpg")], [row(1, "a.jpg", missing=True)]) == [Relocated(1, at("a.jpg"))]


def test_a_failed_file_waits_until_it_changes_or_is_to_be_retried() -> None:
    failures = {at("a.jpg").path: KnownFailure(1, 1, tries=1)}
    assert steps([at("a.jpg")], [], failures) == [StillFailing()]
    assert steps([at("a.jpg")], [], failures, retry_failed=True) == [ToRead(at("a.jpg"), None)]
    assert steps([at("a.jpg", mtime_ns=2)], [], failures) == [ToRead(at("a.jpg", mtime_ns=2), None)]


def test_a_failed_file_that_is_gone_leaves_the_ledger() -> None:
    assert steps([], [], {at("a.jpg").path: KnownFailure(1, 1, tries=3)}) == [FailureGone(at("a.jpg").path)]


def test_a_picture_restored_after_a_broken_one_took_its_place_leaves_the_ledger() -> None:
    failures = {at("a.jpg").path: KnownFailure(9, 9, tries=1)}
    assert steps([at("a.jpg")], [row(1, "a.jpg")], failures) == [FailureGone(at("a.jpg").path), Unchanged()]


def test_a_file_that_can_never_be_read_counts_once_as_tried() -> None:
    pipe = Failed(at("pipe.jpg", 0, 0), "discover", "not a regular file")
    assert steps([pipe]) == [pipe]
    failures = {pipe.file.path: KnownFailure(0, 0, tries=1)}
    assert steps([pipe], [], failures) == [StillFailing()]
    assert steps([pipe], [], failures, retry_failed=True) == [pipe]


def test_a_row_whose_file_cannot_be_looked_at_is_kept() -> None:
    hidden = Failed(at("a.jpg", 0, 0), "discover", "cannot be looked at: Permission denied")
    assert steps([hidden], [row(1, "a.jpg")]) == [hidden]


def test_nothing_is_concluded_about_files_below_a_folder_that_cannot_be_listed() -> None:
    known = [row(1, "a.jpg"), row(2, "b/in/c.jpg"), row(3, "b/d.jpg"), row(4, "b.jpg"), row(5, "b0.jpg")]
    known.sort(key=lambda one: one.path)
    failures = {f"{ROOT}/b/bad.jpg": KnownFailure(1, 1, 1), f"{ROOT}/bad.jpg": KnownFailure(1, 1, 1)}
    folder = unlisted("b")
    assert steps([folder], known, failures) == [
        Vanished(1),
        Vanished(4),
        folder.failed,
        Vanished(5),
        FailureGone(f"{ROOT}/bad.jpg"),
    ]


def test_a_folder_that_can_be_listed_again_leaves_the_ledger() -> None:
    failures = {f"{ROOT}/b": KnownFailure(0, 0, tries=2)}
    assert steps([at("b/c.jpg")], [row(1, "b/c.jpg")], failures) == [Unchanged(), FailureGone(f"{ROOT}/b")]
    assert steps([unlisted("b")], [row(1, "b/c.jpg")], failures) == [unlisted("b").failed]


def test_nothing_is_concluded_about_what_the_walk_passes_by() -> None:
    known = [row(1, ".private/a.jpg"), row(2, "scan.dat"), row(3, "seen/.b.jpg")]
    failures = {f"{ROOT}/.private/bad.jpg": KnownFailure(1, 1, 1)}
    assert steps([], known, failures) == []


NAMES = ["a.jpg", "b.jpg", "b/c.jpg", "b/d.png", "b0.jpg", ".h/e.jpg", "f.dat", "é.jpg", "\U0001f600.jpg"]
places = st.sets(st.sampled_from(NAMES))
stamps = st.integers(0, 2)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Seen], dict[str, KnownFile], dict[str, KnownFailure]]:
    """Files found, rows and failures by path, any of which may meet."""
    found: dict[str, Seen] = {}
    for name in draw(places) - {".h/e.jpg", "f.dat"}:  # what discover never yields
        file = at(name, draw(stamps), draw(stamps))
        kinds: list[Seen] = [file, Failed(at(name, 0, 0), "discover", "not a regular file")]
        found[file.path] = draw(st.sampled_from(kinds))
    if draw(st.booleans()):
        found = {path: item for path, item in found.items() if not path.startswith(f"{ROOT}/b/")}
        found[f"{ROOT}/b"] = unlisted("b")
    known = {
        f"{ROOT}/{name}": KnownFile(
            number, f"{ROOT}/{name}", draw(stamps), draw(stamps), "hash", draw(st.booleans()), draw(st.booleans())
        )
        for number, name in enumerate(sorted(draw(places)))
    }
    failures = {f"{ROOT}/{name}": KnownFailure(draw(stamps), draw(stamps), 1) for name in draw(places) | {"b"}}
    return found, known, failures


@given(worlds(), st.booleans())
def test_the_merge_is_what_looking_up_each_path_says(
    world: tuple[dict[str, Seen], dict[str, KnownFile], dict[str, KnownFailure]], retry_failed: bool
) -> None:
    found, known, failures = world
    ordered = [found[path] for path in sorted(found, key=lambda path: path + "/" * (path == f"{ROOT}/b"))]
    rows = [known[path] for path in sorted(known)]
    merged = steps(ordered, rows, failures, retry_failed=retry_failed)
    assert sorted(map(repr, merged)) == sorted(map(repr, looked_up(found, known, failures, retry_failed)))


def looked_up(
    found: dict[str, Seen], known: dict[str, KnownFile], failures: dict[str, KnownFailure], retry_failed: bool
) -> list[Step]:
    """The same steps by dictionaries, in no order."""
    result: list[Step] = []
    for path, item in found.items():
        failure, same = failures.get(path), known.get(path)
        if isinstance(item, Unlisted):
            result.append(item.failed)
            continue
        file = item.file if isinstance(item, Failed) else item
        same_as_failed = failure is not None and (failure.size_bytes, failure.mtime_ns) == (
            file.size_bytes,
            file.mtime_ns,
        )
        if same_as_failed and not retry_failed:
            result.append(StillFailing())
        elif isinstance(item, Failed):
            result.append(item)
        elif same is None or not same.embedded or (same.size_bytes, same.mtime_ns) != (file.size_bytes, file.mtime_ns):
            result.append(ToRead(file, same))
        elif same.missing:
            result.append(Relocated(same.image_id, file))
        else:
            result += [Unchanged()] if failure is None else [Unchanged(), FailureGone(path)]
    closed = f"{ROOT}/b/" if f"{ROOT}/b" in found else "/nowhere"
    unseen = ("/.h/", closed, ".dat")
    for path, one in known.items():
        if path not in found and not one.missing and not any(sign in path for sign in unseen):
            result.append(Vanished(one.image_id))
    for path in failures:
        if path not in found and not any(sign in path for sign in unseen[:2]):
            result.append(FailureGone(path))
    return result


def test_a_file_whose_sidecars_changed_is_retold_and_nothing_more() -> None:
    told = replace(at("a.jpg"), sidecars=".txt:3:1")
    assert steps([told], [row(1, "a.jpg")]) == [Retold(told, row(1, "a.jpg"))]
    same = replace(row(1, "a.jpg"), sidecars=".txt:3:1")
    assert steps([told], [same]) == [Unchanged()]
    assert steps([at("a.jpg")], [same]) == [Retold(at("a.jpg"), same)]


def test_an_intact_archive_keeps_its_images_and_failures_unopened() -> None:
    rows = [row(1, "a.zip!/1.jpg"), row(2, "a.zip!/2.jpg", missing=True), row(3, "a.zip0.jpg")]
    failures = {at("a.zip!/bad.jpg").path: KnownFailure(1, 1, 1), at("a.zip!").path: KnownFailure(9, 9, 1)}
    merged = steps([Intact(f"{ROOT}/a.zip!/"), at("a.zip0.jpg")], rows, failures)
    assert merged == [Unchanged(), StillFailing(), StillFailing(), Unchanged()]


def test_a_damaged_archive_still_fails_until_it_changes_or_is_to_be_retried() -> None:
    damaged = Unlisted(Failed(at("a.zip!"), "discover", "damaged archive"))
    same = {at("a.zip!").path: KnownFailure(at("a.zip!").size_bytes, at("a.zip!").mtime_ns, 1)}
    assert steps([damaged], [row(1, "a.zip!/1.jpg")], same) == [StillFailing()]
    assert steps([damaged], [], same, retry_failed=True) == [damaged.failed]
    assert steps([damaged], [], {at("a.zip!").path: KnownFailure(1, 2, 1)}) == [damaged.failed]


def test_a_folder_that_cannot_be_listed_is_tried_each_time() -> None:
    closed = unlisted("b")
    assert steps([closed], [], {closed.failed.file.path: KnownFailure(0, 0, 1)}) == [closed.failed]


def test_that_an_archive_was_listed_is_passed_on() -> None:
    listed = ArchiveListed(at("a.zip!"), 0)
    assert steps([listed], []) == [listed]


def test_a_failure_that_was_not_the_files_own_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = FileState(str(tmp_path / "a.jpg"), str(tmp_path), 1, 1)

    def step(reason: str, tries: int = 1) -> Step:
        failure = {file.path: KnownFailure(1, 1, tries, reason)}
        [only] = plan(str(tmp_path), [file], [], failure)
        return only

    denied = "cannot be read: Permission denied"
    assert step(denied) == StillFailing()  # nor is it there now
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert step(denied, tries=9) == ToRead(file, None)
    for reason in ("took longer than 60 s", "needed more than 512 MB"):
        assert [step(reason, tries) for tries in (1, 2, 3)] == [ToRead(file, None)] * 2 + [StillFailing()]
    assert step("damaged: broken PNG file") == StillFailing()
    lacking = "camera RAW needs the extra `photoseek[raw]`: pip install 'photoseek[raw]'"
    monkeypatch.setattr("photoseek.indexer.retrying.find_spec", lambda name: None)
    assert step(lacking) == StillFailing()
    monkeypatch.setattr("photoseek.indexer.retrying.find_spec", lambda name: name == "rawpy" or None)
    assert step(lacking) == ToRead(file, None)
