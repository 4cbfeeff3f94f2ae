"""What planning asks of the catalogue: known files in order, known content, the failures; on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from photoseek.library.catalog import planning
from photoseek.library.catalog.catalog import Catalog, Counts, ModelRow
from photoseek.library.catalog.changes import FailureGone, KnownFailure, Vanished
from photoseek.library.catalog.database import Database
from photoseek.library.types import Failure
from photoseek.tests.support.changes import GREEN, add, failed, indexed, relocated
from photoseek.tests.support.fakes import ColourEmbedder

OTHER = ColourEmbedder("other@1").spec

# Names whose order a database with a language's rules, or with UTF-16 inside, would get wrong.
ODD_NAMES = [
    "/photos/B.png",
    "/photos/Zoë.png",
    "/photos/a b.png",
    "/photos/a%b_c.png",
    "/photos/a'b\"c.png",
    "/photos/a-b/1.png",
    "/photos/a/1.png",
    "/photos/a/2.png",
    "/photos/a0.png",
    "/photos/a\\b.png",
    "/photos/a\nb.png",
    "/photos/b.png",
    "/photos/é.png",
    "/photos/\uff5e.png",
    "/photos/\U0001f600.png",
]


def paths(catalog: Catalog, root: str, model: ModelRow) -> list[str]:
    return [known.path for known in catalog.planning.known_files(root, model.id)]


# Known files and content


def test_known_files_come_in_the_order_of_code_points(catalog: Catalog, model: ModelRow) -> None:
    add(catalog, model, *reversed(ODD_NAMES))
    assert paths(catalog, "/photos", model) == sorted(ODD_NAMES)


def test_known_files_are_the_same_however_they_are_paged(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(catalog, model, *ODD_NAMES)
    for page_rows in (1, 3, len(ODD_NAMES), len(ODD_NAMES) + 1):
        monkeypatch.setattr(planning, "PAGE_ROWS", page_rows)
        assert paths(catalog, "/photos", model) == sorted(ODD_NAMES)


def test_a_row_written_while_known_files_are_paged_does_not_disturb_the_others(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE_ROWS", 1)
    add(catalog, model, "/photos/b.png", "/photos/c.png")
    walk = catalog.planning.known_files("/photos", model.id)
    assert next(walk).path == "/photos/b.png"
    add(catalog, model, "/photos/a.png")
    assert [known.path for known in walk] == ["/photos/c.png"]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/a/b", ["/a/b/1.png", "/a/b/c/2.png"]),
        ("/a/b/", ["/a/b/1.png", "/a/b/c/2.png"]),
        ("/a/b/1.png", ["/a/b/1.png"]),
        ("/a/%", []),
        ("/A/b", []),
        ("/", ["/a/b!.png", "/a/b-2/5.png", "/a/b/1.png", "/a/b/c/2.png", "/a/b0.png", "/a/b2/3.png"]),
    ],
)
def test_a_root_holds_what_lies_in_it_and_not_its_siblings(
    catalog: Catalog, model: ModelRow, root: str, expected: list[str]
) -> None:
    every = ["/a/b!.png", "/a/b-2/5.png", "/a/b/1.png", "/a/b/c/2.png", "/a/b0.png", "/a/b2/3.png"]
    add(catalog, model, *every)
    assert paths(catalog, root, model) == expected
    catalog.apply([failed(path) for path in every], model.id)
    assert sorted(catalog.planning.known_failures(root)) == expected


def test_sqlite_walks_its_index_over_a_root_rather_than_sorting(sqlite_url: sa.URL) -> None:
    database = Database(sqlite_url)
    database.create()
    catalog = Catalog(database)
    asked: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(database._engine, "before_cursor_execute", lambda *context: asked.append(context[2:4]))
    assert list(catalog.planning.known_files("/photos", 1)) == []
    steps: list[str] = []
    with database.reading() as connection:
        for query, parameters in tuple(asked):
            steps += [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters)]
    database.close()
    assert any("USING INDEX images_path (path>? AND path<?)" in step for step in steps), steps
    assert not any("B-TREE" in step or "SCAN" in step for step in steps), steps


def test_known_sizes_are_those_some_image_has(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([indexed("/photos/a.png", size_bytes=10), indexed("/photos/b.png", size_bytes=20)], model.id)
    assert catalog.planning.known_sizes([20, 30, 10, 20]) == {10, 20}
    assert catalog.planning.known_sizes([]) == set()


def test_content_is_found_by_size_and_hash_oldest_first(catalog: Catalog, model: ModelRow) -> None:
    change = indexed("/photos/b.png", GREEN, content="twin")
    twin = indexed("/photos/a.png", GREEN, content="twin")
    catalog.apply([change, twin, indexed("/photos/c.png", content="twin", size_bytes=999)], model.id)
    found = list(catalog.planning.find_content(100, change.facts.content_hash, model.id))
    assert [content.path for content in found] == ["/photos/b.png", "/photos/a.png"]
    assert [content.facts for content in found] == [change.facts, twin.facts]
    assert all(content.vector is not None and content.vector.tolist() == list(GREEN) for content in found)
    assert list(catalog.planning.find_content(100, "no such hash", model.id)) == []


def test_content_is_found_in_more_copies_than_are_read_at_once(
    catalog: Catalog, model: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_PAGE_COPIES", 2)
    copies = [indexed(f"/photos/{number}.png", content="twin") for number in range(5)]
    catalog.apply(copies, model.id)
    found = catalog.planning.find_content(100, copies[0].facts.content_hash, model.id)
    assert [content.path for content in found] == [copy.file.path for copy in copies]


def test_found_content_tells_whether_it_is_missing_and_unseen_by_the_model(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([Vanished(image_id)], model.id)
    other = catalog.ensure_model(OTHER)
    [content] = catalog.planning.find_content(100, indexed("/photos/a.png").facts.content_hash, other.id)
    assert (content.image_id, content.missing, content.vector) == (image_id, True, None)


# The ledger of failures


def test_failures_count_their_tries_and_keep_the_last_reason(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([failed("/photos/b.png", "empty"), failed("/photos/a.png", "truncated")], model.id)
    catalog.apply([failed("/photos/b.png", "still empty")], model.id)
    assert catalog.failures() == [
        Failure("/photos/a.png", "decode", "truncated", 1),
        Failure("/photos/b.png", "decode", "still empty", 2),
    ]
    assert catalog.planning.known_failures("/photos")["/photos/b.png"] == KnownFailure(100, 1, 2, "still empty")
    assert catalog.counts() == Counts(images=0, missing=0, failures=2)


def test_two_failures_shown_under_one_path_in_one_batch_are_one_row(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([failed("/photos/\\xff.png", "first"), failed("/photos/\\xff.png", "second")], model.id)
    assert [(row.reason, row.tries) for row in catalog.failures()] == [("second", 1)]


def test_a_failure_is_forgotten_when_its_file_is_indexed(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([failed("/photos/a.png")], model.id)
    catalog.apply([indexed("/photos/a.png")], model.id)
    assert catalog.failures() == []


def test_a_failure_is_forgotten_when_a_known_picture_takes_its_place(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([failed("/photos/b.png")], model.id)
    catalog.apply([relocated(image_id, "/photos/b.png")], model.id)
    assert catalog.failures() == []


def test_a_failure_is_forgotten_when_its_file_is_gone(catalog: Catalog, model: ModelRow) -> None:
    catalog.apply([failed("/photos/a.png"), failed("/photos/b.png")], model.id)
    catalog.apply([FailureGone("/photos/a.png")], model.id)
    assert [row.path for row in catalog.failures()] == ["/photos/b.png"]


def test_a_failure_of_a_known_picture_is_no_deletion(catalog: Catalog, model: ModelRow) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    catalog.apply([failed("/photos/a.png")], model.id)
    assert set(catalog.images([image_id])) == {image_id}
    assert catalog.counts() == Counts(images=1, missing=0, failures=1)
