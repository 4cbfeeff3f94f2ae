"""What filters answer: both databases against a plain reading of the same rows, on random rows and filters."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photoseek.library.catalog.catalog import Catalog, ModelRow
from photoseek.library.catalog.changes import Vanished
from photoseek.library.catalog.conditions import FIELDS, Kind
from photoseek.library.catalog.database import Database
from photoseek.library.catalog.tables import images
from photoseek.library.errors import FilterError
from photoseek.library.types import ImageRecord
from photoseek.search.query.filters import parse_filter
from photoseek.tests.support.changes import add, facts, file, indexed
from photoseek.tests.support.fakes import ColourEmbedder

TEXTS = [
    "X100V",
    "x100v",
    "a%b",
    "a_b",
    "a*b",
    "a?b",
    "[a]",
    "[*]",
    "back\\slash",
    "it's",
    'say "hi"',
    "été",
    "日本",
    "😀",
    "",
]
MOMENTS = [datetime(2023, 1, 1) + timedelta(hours=hours) for hours in (0, 5, 23, 24, 24 * 31, 24 * 365)]
NUMBERS = [-90.0, -1.5, 0.0, 0.1, 12.25, 90.0]
PATTERNS = [
    "*",
    "?",
    "a?b",
    "a*b",
    "a[*]b",
    "a[?]b",
    "a_b",
    "a%b",
    "[a]",
    "[[]*",
    "*é*",
    "??",
    "X*",
    "x*",
    "*\\*",
    "*'*",
    "",
]


@dataclass(frozen=True)
class Test:
    """A filter's text and what it means, told twice."""

    __test__ = False
    text: str
    holds: object

    def of(self, record: ImageRecord) -> bool:
        assert callable(self.holds)
        return bool(self.holds(record))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def comparison(field: str, sign: str, text: str, value: int | float | str) -> Test:
    def holds(record: ImageRecord) -> bool:
        own = getattr(record, field)
        if own is None:
            return sign == "!="
        order = (own > value) - (own < value)
        return order in {"=": {0}, "!=": {-1, 1}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}[sign]

    return Test(f"{field} {sign} {text}", holds)


def day(field: str, sign: str, start: datetime) -> Test:
    signs = {
        "=": lambda own: own.date() == start.date(),
        "<": lambda own: own.date() < start.date(),
        "<=": lambda own: own.date() <= start.date(),
        ">": lambda own: own.date() > start.date(),
        ">=": lambda own: own.date() >= start.date(),
    }

    def holds(record: ImageRecord) -> bool:
        own = getattr(record, field)
        return own is not None and bool(signs[sign](own))

    return Test(f"{field} {sign} {start:%Y-%m-%d}", holds)


def like(pattern: str) -> Test:
    """Python's own fnmatch as the judge: it reads these patterns as we do, since no other class occurs in them."""
    shape = re.compile(fnmatch.translate(pattern.replace("[a]", "[[]a]")), re.IGNORECASE)
    return Test(
        f"camera ~ {quoted(pattern)}", lambda record: record.camera is not None and bool(shape.match(record.camera))
    )


def member(field: str, values: list[int]) -> Test:
    return Test(f"{field} in ({', '.join(map(str, values))})", lambda record: getattr(record, field) in values)


SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
LEAVES = st.one_of(
    st.builds(lambda s, n: comparison("width", s, str(n), n), SIGNS, st.integers(0, 4)),
    st.builds(lambda s, n: comparison("latitude", s, repr(n), n), SIGNS, st.sampled_from(NUMBERS)),
    st.builds(lambda s, t: comparison("camera", s, quoted(t), t), st.sampled_from(["=", "!="]), st.sampled_from(TEXTS)),
    st.builds(
        lambda s, m: day("taken_at", s, m), st.sampled_from(["=", "<", "<=", ">", ">="]), st.sampled_from(MOMENTS)
    ),
    st.builds(like, st.sampled_from(PATTERNS)),
    st.builds(lambda v: member("height", v), st.lists(st.integers(0, 4), min_size=1, max_size=3)),
    st.sampled_from(["camera", "taken_at", "latitude", "width"]).map(
        lambda f: Test(f"{f} is null", lambda record: getattr(record, f) is None)
    ),
)
TESTS: st.SearchStrategy[Test] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda a: Test(f"not ({a.text})", lambda r: not a.of(r))),
        st.builds(lambda a, b: Test(f"({a.text}) and ({b.text})", lambda r: a.of(r) and b.of(r)), inner, inner),
        st.builds(lambda a, b: Test(f"({a.text}) or ({b.text})", lambda r: a.of(r) or b.of(r)), inner, inner),
    ),
    max_leaves=6,
)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 4),
        st.none() | st.sampled_from(MOMENTS),
        st.none() | st.sampled_from(TEXTS),
        st.none() | st.sampled_from(NUMBERS),
    ),
    max_size=8,
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """One catalogue for all examples of a test: making one takes longer than filling it."""
    if request.param == "sqlite":
        database = Database.in_file(tmp_path_factory.mktemp("filters") / "catalog.sqlite")
    else:
        server: sa.URL = request.getfixturevalue("postgresql_server")
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE filters")
        engine.dispose()
        database = Database(server.set(database="filters"))
    database.create()
    yield Catalog(database)
    database.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, tests=st.lists(TESTS, min_size=1, max_size=6))
def test_the_database_agrees_with_a_plain_reading(
    shared_catalog: Catalog, rows: list[tuple[int, int, datetime | None, str | None, float | None]], tests: list[Test]
) -> None:
    with shared_catalog._database.writing() as (connection, _):
        connection.execute(sa.delete(images))
    changes = [
        replace(
            indexed(f"/photos/{number}.png"),
            facts=replace(
                facts(str(number)), width=width, height=height, taken_at=taken_at, camera=camera, latitude=latitude
            ),
        )
        for number, (width, height, taken_at, camera, latitude) in enumerate(rows)
    ]
    model = shared_catalog.ensure_model(ColourEmbedder().spec)
    shared_catalog.apply(changes, model.id)
    ids = [known.image_id for known in shared_catalog.planning.known_files("/", model.id)]
    records = shared_catalog.images(ids).values()
    assert len(records) == len(rows)
    for test in tests:
        expected = sorted(record.id for record in records if test.of(record))
        assert shared_catalog.matching_ids(parse_filter(test.text)).tolist() == expected, test.text


def test_missing_images_never_match(catalog: Catalog, model: ModelRow) -> None:
    first, second = add(catalog, model, "/photos/a.png", "/photos/b.png")
    catalog.apply([Vanished(first)], model.id)
    assert catalog.matching_ids(parse_filter("id > 0")).tolist() == [second]
    assert catalog.matching_ids(parse_filter("id < 0")).tolist() == []


HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE images; --",
    "') OR ('1'='1",
    "%",
    "_",
    "*' GLOB '*",
    ":path_1",
    "%(path_1)s",
    "{}",
    "\\",
    "ʼ OR 1=1",
    "＇ OR 1=1",
    "a\u202eb",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("sign", ["=", "~"])
def test_hostile_texts_are_values_and_nothing_else(catalog: Catalog, model: ModelRow, text: str, sign: str) -> None:
    own = f"/photos/{text}.png"
    plain, hostile = add(catalog, model, "/photos/a.png", own)
    literal = text.replace("*", "[*]") if sign == "~" else text
    assert catalog.matching_ids(parse_filter(f"path {sign} {quoted(f'/photos/{literal}.png')}")).tolist() == [hostile]
    assert catalog.matching_ids(parse_filter(f"path {sign} {quoted(literal)}")).tolist() == []
    assert catalog.matching_ids(parse_filter(f"path in ({quoted(text)}, '/photos/a.png')")).tolist() == [plain]
    assert len(catalog.images([plain, hostile])) == 2


def test_the_longest_filters_run(catalog: Catalog, model: ModelRow) -> None:
    [only] = add(catalog, model, "/photos/a.png")
    for text in (
        " or ".join(["camera = 'x'"] * 199 + ["id > 0"]),
        " and ".join(["camera is null"] * 200),
        "(" * 50 + "id > 0" + ")" * 50,
        "not " * 50 + "id > 0",
        f"id in ({','.join(map(str, range(2000)))})",
        "path ~ '" + "*a" * 20 + "*' or id > 0",
    ):
        assert catalog.matching_ids(parse_filter(text)).tolist() == [only]


def test_every_field_is_an_attribute_and_a_column_of_its_kind() -> None:
    attributes = {field.name for field in fields(ImageRecord)}
    assert set(FIELDS) <= attributes
    types = {Kind.INTEGER: int, Kind.REAL: float, Kind.TEXT: str, Kind.TIME: datetime}
    for name, kind in FIELDS.items():
        assert images.c[name].type.python_type is types[kind], name


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*/trips/*", ["/a/Trips/1.png", "/a/trips/2.png", "/a/TRIPS/é.png"]),
        ("*/É.PNG", ["/a/TRIPS/é.png"]),
        ("*/[a-z].*", ["/a/[A-Z].png"]),
        ("*\\\\^$.|+(x).*", ["/a/\\\\^$.|+(X).png"]),
    ],
)
def test_patterns_ignore_case_and_hold_no_further_signs(
    catalog: Catalog, model: ModelRow, pattern: str, names: list[str]
) -> None:
    every = ["/a/Trips/1.png", "/a/trips/2.png", "/a/TRIPS/é.png", "/a/[A-Z].png", "/a/\\\\^$.|+(X).png", "/a/Q.png"]
    ids = add(catalog, model, *every)
    found = catalog.matching_ids(parse_filter(f"path ~ {quoted(pattern)}")).tolist()
    assert [every[ids.index(one)] for one in found] == names


def test_the_longest_pattern_runs(catalog: Catalog, model: ModelRow) -> None:
    [only] = add(catalog, model, "/photos/a.png")
    assert catalog.matching_ids(parse_filter("path ~ '" + "é" * 3_999 + "*' or id > 0")).tolist() == [only]
    with pytest.raises(FilterError, match="at most 4,000 characters"):
        parse_filter("path ~ '" + "a" * 4_001 + "'")


PLACES = {"paris": (48.8584, 2.2945), "saint-denis": (48.9356, 2.3539), "suva": (-18.1416, 178.4419)}
PLACES |= {"apia": (-13.8333, -171.7667), "pole": (89.99, 100.0), "alert": (82.5, -62.3), "nowhere": (0.0, 0.0)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("near(48.8584, 2.2945, 5 km)", ["paris"]),
        ("near(48.8584, 2.2945, 20km)", ["paris", "saint-denis"]),
        ("near(48.8584,2.2945,9.5 KM)", ["paris"]),
        ("near(48.8584, 2.2945, 9.7 km)", ["paris", "saint-denis"]),
        ("near(48.8584, 2.2945, 5.9 mi)", ["paris"]),
        ("near(-16, 180, 1100 km)", ["suva", "apia"]),
        ("near(-16, -180, 1100 km)", ["suva", "apia"]),
        ("near(90, 0, 900 km)", ["pole", "alert"]),
        ("near(48.8584, 2.2945, 0 m)", ["paris"]),
        ("near(48.8584, 2.2945, 5 km) or near(0, 0, 1 m)", ["paris", "nowhere"]),
        ("not near(0, 0, 10000 km)", ["suva", "apia", "pole", "unplaced"]),
        ("near(0, 0, 20037 km)", [*PLACES]),
    ],
)
def test_images_are_found_by_their_distance(catalog: Catalog, model: ModelRow, text: str, names: list[str]) -> None:
    changes = [
        replace(indexed(f"/{name}.png"), facts=replace(facts(name), latitude=place[0], longitude=place[1]))
        for name, place in PLACES.items()
    ]
    catalog.apply([*changes, indexed("/unplaced.png")], model.id)
    found = catalog.images(catalog.matching_ids(parse_filter(text)).tolist()).values()
    assert sorted(record.path.stem for record in found) == sorted(names)


@pytest.mark.parametrize(
    "text",
    [
        "near(91, 0, 1 km)",
        "near(0, 181, 1 km)",
        "near(0, 0, 1)",
        "near(0, 0, km)",
        "near(0 0, 1 km)",
        "near(0, 0, 1 km km)",
        "near(0, 0, 1km km)",
        "near 5 km",
        "near(0, 0, 1 ly)",
        "near(0, 0, 99999 km)",
        "near(0, 0, -1 km)",
        "near(0, 0, 1 km",
    ],
)
def test_a_distance_that_makes_no_sense_is_told_with_its_place(text: str) -> None:
    with pytest.raises(FilterError, match="filter, character"):
        parse_filter(text)


def test_a_file_is_found_by_its_path(catalog: Catalog, model: ModelRow) -> None:
    first, second = add(catalog, model, "/photos/a.png", "/photos/b.png")
    catalog.apply([Vanished(second)], model.id)
    found = catalog.find_file("/photos/a.png")
    assert found is not None
    assert (found.image_id, found.size_bytes) == (first, file("/photos/a.png").size_bytes)
    assert catalog.find_file("/photos/b.png") is None
    assert catalog.find_file(str(Path("/photos"))) is None
