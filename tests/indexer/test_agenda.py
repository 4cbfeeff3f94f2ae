"""When a watched folder is looked at: pure values, and a clock that the tests hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.indexer.agenda import Agenda, Pace, coalesced

PACE = Pace(quiet_s=2, longest_s=10, full_every_s=100, poll_every_s=20, retry_s=5)


def agenda() -> Agenda:
    return Agenda("/photos", PACE, full_at_s=1000)


def test_all_of_a_folder_is_due_at_first_and_then_now_and_again() -> None:
    each = Agenda("/photos", PACE, full_at_s=0)
    assert each.take(0) == ["/photos"]
    each.done(["/photos"], 0, 1)
    assert each.take(100.9) == []
    assert each.take(101) == ["/photos"]


def test_where_nothing_is_told_all_of_it_is_due_more_often() -> None:
    each = Agenda("/photos", PACE, full_at_s=0, is_polled=True)
    each.take(0)
    each.done(["/photos"], 0, 1)
    assert each.due_at_s == 21


def test_a_folder_that_takes_long_to_look_at_is_not_looked_at_all_the_time() -> None:
    each = Agenda("/photos", PACE, full_at_s=0)
    each.take(0)
    each.done(["/photos"], 0, 60)
    assert each.due_at_s == 60 + 600


def test_a_change_is_due_after_a_quiet_moment() -> None:
    each = agenda()
    each.touch("/photos/a/1.png", 10)
    assert each.take(11.9) == []
    each.touch("/photos/b/2.png", 11.9)
    assert each.take(13.8) == []
    assert each.take(13.9) == ["/photos/a", "/photos/b"]
    assert each.due_at_s == 1000


def test_a_burst_without_end_is_looked_at_all_the_same() -> None:
    each = agenda()
    taken: list[tuple[int, list[str]]] = []
    for now_s in range(25):
        each.touch("/photos/a/1.png", now_s)
        if folders := each.take(now_s):
            taken.append((now_s, folders))
    assert taken == [(10, ["/photos/a"]), (21, ["/photos/a"])]


def test_what_is_due_with_all_of_the_folder_is_not_due_again() -> None:
    each = Agenda("/photos", PACE, full_at_s=10)
    each.touch("/photos/a/1.png", 10)
    assert each.take(10) == ["/photos"]
    each.done(["/photos"], 10, 11)
    assert each.due_at_s == 111


def test_what_could_not_be_looked_at_is_due_after_a_pause() -> None:
    each = agenda()
    each.touch("/photos/a/1.png", 0)
    folders = each.take(2)
    each.postpone(folders, 3)
    each.touch("/photos/b/1.png", 4)
    assert each.take(7.9) == []
    assert each.take(8) == ["/photos/a", "/photos/b"]


def test_all_of_a_folder_postponed_stays_all_of_it() -> None:
    each = Agenda("/photos", PACE, full_at_s=0)
    each.postpone(each.take(0), 0)
    assert (each.take(4.9), each.take(5)) == ([], ["/photos"])


@pytest.mark.parametrize(
    ("path", "is_folder", "folders"),
    [
        ("/photos/1.png", False, ["/photos"]),
        ("/photos/a/1.JPEG", False, ["/photos/a"]),
        ("/photos/a/1.json", False, ["/photos/a"]),
        ("/photos/a/scans.tar", False, ["/photos/a"]),
        ("/photos/a/b", True, ["/photos/a/b"]),
        ("/photos", True, ["/photos"]),
        ("/photos", False, ["/photos"]),
        ("/photos/a/1.log", False, []),
        ("/photos/a/.1.png", False, []),
        ("/photos/.cache/1.png", False, []),
        ("/photos/.cache", True, []),
        ("/photos/@eaDir/1.png", False, []),
        ("/photographs/1.png", False, []),
        ("/", True, []),
    ],
)
def test_only_what_indexing_would_look_at_counts(path: str, is_folder: bool, folders: list[str]) -> None:
    each = agenda()
    each.touch(path, 0, is_folder=is_folder)
    assert each.take(2) == folders


@pytest.mark.parametrize(
    ("folders", "most", "expected"),
    [
        ([], 3, []),
        (["/p/b", "/p/a", "/p/a"], 3, ["/p/a", "/p/b"]),
        (["/p/a/x", "/p/a", "/p/a b"], 3, ["/p/a", "/p/a b"]),
        (["/p/a/1", "/p/a/2", "/p/b"], 2, ["/p/a", "/p/b"]),
        (["/p/a", "/p/b", "/p/c"], 2, ["/p"]),
        (["/p/a/1/x", "/p/a/2", "/p/b"], 2, ["/p/a", "/p/b"]),
        (["/p"], 1, ["/p"]),
    ],
)
def test_folders_are_told_once_and_gathered_when_many(folders: list[str], most: int, expected: list[str]) -> None:
    assert coalesced(folders, "/p", most) == expected


_FOLDERS = st.lists(
    st.lists(st.sampled_from(["a", "b", "a b"]), max_size=4).map(lambda names: "/".join(["/p", *names])), max_size=30
)


@given(_FOLDERS, st.integers(1, 5))
def test_gathering_loses_nothing_and_keeps_its_bounds(folders: list[str], most: int) -> None:
    kept = coalesced(folders, "/p", most)
    assert len(kept) <= most
    assert all(folder == "/p" or folder.startswith("/p/") for folder in kept)
    assert all(any(f"{folder}/".startswith(f"{each}/") for each in kept) for folder in folders)
    assert [a for a in kept for b in kept if a != b and a.startswith(f"{b}/")] == []


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["/photos/a/1.png", "/photos/b/2.png"])), max_size=40))
def test_no_change_waits_longer_than_promised(touches: list[tuple[float, str]]) -> None:
    each = agenda()
    now_s, waiting_since = 0.0, math.inf
    for pause_s, path in touches:
        now_s += pause_s
        if each.take(now_s):
            assert now_s >= waiting_since
            waiting_since = math.inf
        assert now_s - waiting_since <= PACE.longest_s
        each.touch(path, now_s)
        waiting_since = min(waiting_since, now_s)
