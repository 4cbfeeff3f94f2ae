"""The filter language: what it means, checked against a plain reading of records; what it refuses, and where."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek.library.catalog.conditions import All, Compared, IsNull, Matches, Not, OneOf, Order, Some, Wildcard
from photoseek.library.errors import FilterError
from photoseek.search.query.filters import DEEPEST, MOST_TESTS, parse_filter, read_glob


def at(year: int, month: int, day: int, *clock: int) -> datetime:
    hour, minute, second, micro = [*clock, 0, 0, 0, 0][:4]
    return datetime(year, month, day, hour, minute, second, micro)


def test_a_whole_filter_is_read() -> None:
    text = "taken_at >= 2023-01-01 and path ~ '*/Trips/*' and width > 2000 and camera = 'X100V' and not height < 3"
    assert parse_filter(text) == All(
        (
            Compared("taken_at", Order.AT_LEAST, at(2023, 1, 1)),
            Matches("path", (Wildcard.ANY, "/Trips/", Wildcard.ANY), any_case=True),
            Compared("width", Order.GREATER, 2000),
            Compared("camera", Order.EQUAL, "X100V"),
            Not(Compared("height", Order.LESS, 3)),
        )
    )


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (Compared("id", Order.EQUAL, number) for number in (1, 2, 3))
    assert parse_filter("id=1 or id=2 and id=3") == Some((a, All((b, c))))
    assert parse_filter("(id=1 or id=2) and id=3") == All((Some((a, b)), c))
    assert parse_filter("NOT id=1 AND id=2") == All((Not(a), b))
    assert parse_filter("not (id=1 and id=2)") == Not(All((a, b)))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("camera is null", IsNull("camera")),
        ("camera is not null", Not(IsNull("camera"))),
        ("camera != 'it''s'", Not(Compared("camera", Order.EQUAL, "it's"))),
        ("camera in (\"a\", 'b')", OneOf("camera", ("a", "b"))),
        ("id not in (1,2)", Not(OneOf("id", (1, 2)))),
        ("latitude < -1.5e1", Compared("latitude", Order.LESS, -15.0)),
        ("latitude < 2", Compared("latitude", Order.LESS, 2)),
        ("taken_at < 2023", Compared("taken_at", Order.LESS, at(2023, 1, 1))),
        ("taken_at <= 2023", Compared("taken_at", Order.LESS, at(2024, 1, 1))),
        ("taken_at > 2024-02", Compared("taken_at", Order.AT_LEAST, at(2024, 3, 1))),
        ("taken_at >= '2024-02-29 23:59'", Compared("taken_at", Order.AT_LEAST, at(2024, 2, 29, 23, 59))),
        ("taken_at <= 2024-02-29T23:59:59", Compared("taken_at", Order.LESS, at(2024, 3, 1))),
        ("taken_at = 2024-01-01T00:00:00.5", Compared("taken_at", Order.EQUAL, at(2024, 1, 1, 0, 0, 0, 500_000))),
        (
            "taken_at = 2023-05-17",
            All(
                (
                    Compared("taken_at", Order.AT_LEAST, at(2023, 5, 17)),
                    Compared("taken_at", Order.LESS, at(2023, 5, 18)),
                )
            ),
        ),
    ],
)
def test_tests_of_every_form(text: str, condition: object) -> None:
    assert parse_filter(text) == condition


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("", ()),
        ("a", ("a",)),
        ("**a?*", (Wildcard.ANY, "a", Wildcard.ONE, Wildcard.ANY)),
        ("[*]*[?][[]", ("*", Wildcard.ANY, "?[")),
        ("[a]%_\\", ("[a]%_\\",)),
        ("[*", ("[", Wildcard.ANY)),
    ],
)
def test_patterns_are_cut_into_pieces(pattern: str, pieces: object) -> None:
    assert read_glob(pattern) == pieces


@pytest.mark.parametrize(
    ("text", "start", "reason"),
    [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("widht > 3", 0, "did you mean width?"),
        ("width > 'a'", 8, "whole number"),
        ("width > 2.5", 8, "whole number"),
        ("width > 99999999999999999999", 8, "too large"),
        ("width > " + "9" * 5000, 8, "whole number"),
        ("latitude > 1e999", 11, "not a number"),
        ("latitude > 1_0", 11, "not a number"),
        ("width >", 7, "whole number"),
        ("width", 5, "expected one of ="),
        ("width ~ 'a'", 6, "for texts"),
        ("camera > 'a'", 7, "= != ~ and in"),
        ("camera = X100V", 9, "quotation marks"),
        ("camera = 'X100V", 9, "no partner"),
        ("width > 3 width < 5", 10, "expected `and`"),
        ("(width > 3", 10, "the `(` at 1"),
        ("width > 3)", 9, "expected `and`"),
        ("width in 3", 9, "expected `(`"),
        ("width in (3; 4)", 11, "has no meaning"),
        ("width in ()", 10, "whole number"),
        ("width in (1 2)", 12, "expected `,` or `)`"),
        ("width in (1, 2", 14, "expected `,` or `)`"),
        ("camera is 'a'", 10, "expected `null`"),
        ("and width > 3", 0, "name of a field"),
        ("taken_at > 2023-13-01", 11, "no such date"),
        ("taken_at > 2023-02-30", 11, "no such date"),
        ("taken_at = 9999", 11, "no such date"),
        ("taken_at > yesterday", 11, "expected one, such as"),
        ("taken_at > 20230101", 11, "expected a date"),
        ("camera = 'a\0b'", 11, "cannot be searched for"),
        ("camera = '\ud800'", 10, "cannot be searched for"),
        ("width > 3; drop table images", 9, "has no meaning"),
        ("width > 3 -- and more", 10, "has no meaning"),
        ("1 = 1", 0, "name of a field"),
    ],
)
def test_an_error_points_at_the_character(text: str, start: int, reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert (caught.value.start, reason in str(caught.value)) == (start, True), str(caught.value)
    line, caret = caught.value.pointer().splitlines()
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    assert (line if len(text) <= 72 else line[:-3], caret.index("^")) == (printable[:72], start)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("before", ["width > 3 and " * 30, "camera = '\u732b' and "], ids=["long", "wide letters"])
def test_the_caret_stands_below_the_trouble_on_a_terminal(before: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(f"{before}widht > 3 {'and width > 3 ' * 30}")
    line, caret = caught.value.pointer().splitlines()
    columns = "".join(letter * (1 + (letter == "\u732b")) for letter in line)
    assert columns[caret.index("^") :].startswith("widht")
    assert len(line) < 80


@pytest.mark.parametrize("opening", ["(", "not ", "not("])
def test_a_thousand_levels_are_an_error_not_a_crash(opening: str) -> None:
    with pytest.raises(FilterError, match="50 deep"):
        parse_filter(opening * 1000 + "width > 3" + ")" * 1000)


def test_as_deep_as_allowed_is_read() -> None:
    inside = Compared("width", Order.GREATER, 3)
    assert parse_filter("(" * DEEPEST + "width > 3" + ")" * DEEPEST) == inside
    assert parse_filter(" and ".join(["(width > 3)"] * MOST_TESTS)) == All((inside,) * MOST_TESTS)


def test_too_many_tests_and_too_long_a_filter_are_errors() -> None:
    with pytest.raises(FilterError, match="at most 200 tests"):
        parse_filter(" or ".join(["id = 1"] * (MOST_TESTS + 1)))
    with pytest.raises(FilterError, match="at most 10,000 characters"):
        parse_filter("id = 1" + " " * 10_000)


def test_so_many_dates_can_be_listed_and_no_more() -> None:
    dates = ", ".join(f"{1900 + number}" for number in range(MOST_TESTS))
    assert isinstance(parse_filter(f"taken_at in ({dates})"), Some)
    with pytest.raises(FilterError, match="at most 200 dates can be listed"):
        parse_filter(f"taken_at in ({dates}, 2100)")
    numbers = ", ".join(map(str, range(MOST_TESTS + 1)))
    assert isinstance(parse_filter(f"id in ({numbers})"), OneOf)


def trouble(text: str) -> int:
    """Where a filter stops making sense; 0 for one that makes sense to the end."""
    try:
        parse_filter(text)
    except FilterError as error:
        return error.start
    return 0


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_filter_error(text: str) -> None:
    assert 0 <= trouble(text) <= len(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "(",
                ")",
                "not",
                "and",
                "or",
                "width",
                "camera",
                "taken_at",
                "=",
                "<",
                "~",
                "in",
                "is",
                "null",
                "3",
                "'a'",
                "2023",
                ",",
            ]
        ),
        max_size=9,
    )
)
def test_any_words_are_a_condition_or_a_filter_error(words: list[str]) -> None:
    text = " ".join(words)
    assert 0 <= trouble(text) <= len(text)
