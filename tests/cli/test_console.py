"""What a terminal and a log are shown."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.cli.console import Pace, ProgressLine, duration, plain
from photoseek.indexer.report import Progress


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.jpg", "plain name.jpg"),
        ("Küste 日本 🐈.jpg", "Küste 日本 🐈.jpg"),
        ("two\nlines.jpg", "two\\nlines.jpg"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202exe", "gpj.\\u202exe"),
        ("caf\udce9.jpg", "caf\\udce9.jpg"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped_and_letters_stay(name: str, shown: str) -> None:
    assert plain(name) == shown


@given(st.text(st.characters()))
def test_every_text_becomes_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (250, "4 min 10 s"),
        (3600, "1 h 0 min"),
        (90061, "25 h 1 min"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class Clock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_ten_seconds() -> None:
    log, clock = io.StringIO(), Clock()
    with ProgressLine(log, clock) as progress:
        for done in range(0, 2500, 100):
            clock.now_s += 1
            progress(Progress(done, 10_000))
    assert log.getvalue().splitlines() == [
        "indexed 900 of 10,000, 100.0/s, 1 min 31 s left",
        "indexed 1,900 of 10,000, 100.0/s, 1 min 21 s left",
    ]


def test_a_log_of_a_run_that_has_done_nothing_yet_says_so() -> None:
    log, clock = io.StringIO(), Clock()
    with ProgressLine(log, clock) as progress:
        clock.now_s += 11
        progress(Progress(0, 5))
    assert log.getvalue() == "indexed 0 of 5, unknown time left\n"


def test_a_short_run_leaves_no_line_in_a_log() -> None:
    log = io.StringIO()
    with ProgressLine(log, Clock()) as progress:
        progress(Progress(5, 5))
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar_that_is_wiped_at_the_end() -> None:
    terminal = Terminal()
    with ProgressLine(terminal) as progress:
        for done in (1, 3, 4):
            progress(Progress(done, 4))
        assert "/4" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_a_run_that_tells_nothing_shows_nothing() -> None:
    terminal = Terminal()
    with ProgressLine(terminal):
        pass
    assert terminal.getvalue() == ""


def test_a_slow_start_is_not_taken_for_the_pace() -> None:
    log, clock = io.StringIO(), Clock()
    with ProgressLine(log, clock) as progress:
        progress(Progress(1, 5_000))  # a file that could not be read, and now the model loads
        clock.now_s += 16
        progress(Progress(17, 5_000))
        for done in range(1_017, 5_001, 1_000):
            clock.now_s += 1
            progress(Progress(done, 5_000))
        clock.now_s += 8
        progress(Progress(5_000, 5_000))
    first, last = log.getvalue().splitlines()
    assert first == "indexed 17 of 5,000, unknown time left"
    assert last.endswith("0 s left")


def test_the_pace_is_that_of_late() -> None:
    pace = Pace(1, 100.0)
    for done, now_s in ((17, 116.0), (1_017, 117.5), (2_017, 119.0), (3_017, 120.5)):
        pace.note(done, now_s)
    assert pace.worded(17, 5_000, 116.0) == "unknown time left"
    assert pace.worded(3_017, 5_000, 120.5) == "666.7/s, 3 s left"
