"""Queries written as sums, read and written back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoseek import Address, KnownImage, Picture, QueryError, Term, Words, parse_terms
from photoseek.search.query.arithmetic import HEAVIEST, LIGHTEST, parse_image


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (
            "2:golden retriever + ./pool.jpg - fruit",
            [Term(Words("golden retriever"), 2.0), Term(Picture(Path("pool.jpg"))), Term(Words("fruit"), -1.0)],
        ),
        ("a close-up of C++ code", [Term(Words("a close-up of C++ code"))]),
        ("-dog +cat", [Term(Words("-dog +cat"))]),
        ("- people + 0.5: sea", [Term(Words("people"), -1.0), Term(Words("sea"), 0.5)]),
        ("dog - 3:cat", [Term(Words("dog")), Term(Words("cat"), -3.0)]),
        ('"Tom - Jerry" - "say ""cheese"""', [Term(Words("Tom - Jerry")), Term(Words('say "cheese"'), -1.0)]),
        ('"3:10 to Yuma"', [Term(Words("3:10 to Yuma"))]),
        ("3:10 to Yuma", [Term(Words("3:10 to Yuma"))]),
        ("id:12 + 2:id:7", [Term(KnownImage(12)), Term(KnownImage(7), 2.0)]),
        (
            "https://example.org/a+b.jpg?c=-1 + sea",
            [Term(Address("https://example.org/a+b.jpg?c=-1")), Term(Words("sea"))],
        ),
        (
            "./swimming pool.jpg + /a/b c.png",
            [Term(Picture(Path("swimming pool.jpg"))), Term(Picture(Path("/a/b c.png")))],
        ),
        ('file:"./a - b.jpg"', [Term(Picture(Path("a - b.jpg")))]),
        ("~/a.jpg", [Term(Picture(Path("~/a.jpg")))]),
        ('"./not a path"', [Term(Words("./not a path"))]),
        ('12" vinyl', [Term(Words('12" vinyl'))]),
        (" sea\t+\nsun ", [Term(Words("sea")), Term(Words("sun"))]),
        ("狗 - 猫", [Term(Words("狗")), Term(Words("猫"), -1.0)]),
        (
            "2：狗　＋　./池塘.jpg － 猫",
            [Term(Words("狗"), 2.0), Term(Picture(Path("池塘.jpg"))), Term(Words("猫"), -1.0)],
        ),
        ("－ 人 ＋ 0.5：大海", [Term(Words("人"), -1.0), Term(Words("大海"), 0.5)]),
        ("狗－猫", [Term(Words("狗－猫"))]),
        ('"狗 － 猫"', [Term(Words("狗 － 猫"))]),
        ("5：30 的火车", [Term(Words("5：30 的火车"))]),
    ],
)
def test_sums_are_read(text: str, terms: list[Term]) -> None:
    assert list(parse_terms(text)) == terms


@pytest.mark.parametrize(
    "text", ["+", "-", "+ dog", "dog +", "dog -", "dog + + cat", "dog - - cat", "- - dog", "狗 －", "＋ ＋ 狗"]
)
def test_a_sign_with_nothing_to_join_is_an_error(text: str) -> None:
    with pytest.raises(QueryError, match="missing beside a sign"):
        parse_terms(text)


@pytest.mark.parametrize("text", ["", "  \n", '""', "2:"])
def test_empty_words_are_an_error(text: str) -> None:
    with pytest.raises(QueryError, match="are empty"):
        parse_terms(text)


@pytest.mark.parametrize(
    "text", ["0:dog", "0.0:dog", f"{'9' * 400}:dog", "1e999:dog", "1e9:dog", "cat - 101:dog", "1e-3:dog"]
)
def test_a_weight_beyond_reason_is_an_error_of_one_short_line(text: str) -> None:
    with pytest.raises(QueryError, match=r"a weight is a number from 0\.01 to 100, not") as caught:
        parse_terms(text)
    assert len(str(caught.value)) < 70


def test_the_least_and_the_greatest_weight_are_taken() -> None:
    assert [term.weight for term in parse_terms("0.01:dog + 100:cat")] == [0.01, 100.0]


def written(term: Term) -> str:
    """Write one term of a sum, all but its sign."""
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight)!r}:"
    match term.subject:
        case Words(text):
            return weight + '"' + text.replace('"', '""') + '"'
        case KnownImage(image_id):
            return f"{weight}id:{image_id}"
        case Address(url):
            return weight + url
        case Picture(path):
            return weight + 'file:"' + str(path).replace('"', '""') + '"'


def write_terms(terms: Sequence[Term]) -> str:
    """Write terms as a sum that `parse_terms` is to read back as they are."""
    return " ".join(("- " if term.weight < 0 else "+ ") + written(term) for term in terms).removeprefix("+ ")


SUBJECTS = st.one_of(
    st.text(min_size=1, max_size=20).filter(str.strip).map(Words),
    st.integers(0, 10**17).map(KnownImage),
    st.text("abc./:%?=&+-", max_size=12).map(lambda rest: Address(f"https://x{rest}")),
    st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text).map(lambda text: Picture(Path(text))),
)
WEIGHTS = st.floats(LIGHTEST, HEAVIEST).flatmap(lambda weight: st.sampled_from([weight, -weight]))


@given(st.lists(st.builds(Term, SUBJECTS, WEIGHTS | st.sampled_from([1.0, -1.0])), min_size=1, max_size=5))
def test_what_is_written_is_read_back(terms: list[Term]) -> None:
    assert list(parse_terms(write_terms(terms))) == terms


@given(st.text(alphabet='ab +-":.2/~狗＋－：　', max_size=20))
def test_any_text_is_a_sum_or_a_query_error(text: str) -> None:
    try:
        terms = parse_terms(text)
    except QueryError:
        return
    assert list(parse_terms(write_terms(terms))) == list(terms)


def test_pictures_are_named_by_id_address_or_path() -> None:
    assert parse_image("id:3") == KnownImage(3)
    assert parse_image("HTTPS://example.org/a.jpg") == Address("HTTPS://example.org/a.jpg")
    assert [parse_image(name) for name in ("a.jpg", "id:x", "2:a.jpg")] == [
        Picture(Path(name)) for name in ("a.jpg", "id:x", "2:a.jpg")
    ]


@pytest.mark.parametrize("text", ["5:30 train", "16:9 photo", "a match of 3:2"])
def test_numbers_on_both_sides_of_a_colon_are_words(text: str) -> None:
    assert parse_terms(text) == (Term(Words(text)),)


@pytest.mark.parametrize("text", ["cat + -1:dog", "-2:dog", "cat - +3:dog", "猫 + －1：狗"])
def test_a_signed_weight_is_an_error_that_says_how_to_avoid(text: str) -> None:
    with pytest.raises(QueryError, match="a weight has no sign"):
        parse_terms(text)
