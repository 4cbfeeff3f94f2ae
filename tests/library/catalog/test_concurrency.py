"""The catalogue under several hands: writers take turns, readers see whole transactions and wait for nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from photoseek.library.catalog import tables
from photoseek.library.catalog.catalog import Catalog, Counts, ModelRow
from photoseek.library.catalog.database import Database
from photoseek.tests.support.changes import add, indexed

WRITERS = 4
BATCHES = 12
_PATIENCE_S = 60.0


def test_writers_take_different_numbers_and_commit_in_their_order(
    catalog: Catalog, model: ModelRow, open_database: Callable[[], Database]
) -> None:
    """Whoever has seen up to N never meets a number below N later: a reader polls while four others write."""
    start = catalog.meta().change_seq
    done = threading.Event()
    catalogs = [Catalog(open_database()) for _ in range(WRITERS)]

    def write(number: int) -> None:
        for batch in range(BATCHES):
            catalogs[number].apply([indexed(f"/photos/{number}-{batch}.png")], model.id)

    def watch(reader: Catalog) -> list[int]:
        """Follow the changes as a resident process does, and return every image met."""
        met: list[int] = []
        seen_seq = start
        while True:
            last = done.is_set()
            now = reader.meta().change_seq
            if now > seen_seq:
                met += reader.vector_changes(model.id, model.dim, seen_seq).touched.tolist()
            seen_seq = now
            if last:
                return met

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        watching = pool.submit(watch, Catalog(open_database()))
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            for each in writing:
                each.result(_PATIENCE_S)
        finally:
            done.set()
        met = watching.result(_PATIENCE_S)

    assert catalog.meta().change_seq == start + WRITERS * BATCHES
    known = {row.image_id for row in catalog.planning.known_files("/photos", model.id)}
    assert len(known) == WRITERS * BATCHES
    assert set(met) == known


def test_each_transaction_has_a_number_of_its_own(
    catalog: Catalog, model: ModelRow, database: Database, open_database: Callable[[], Database]
) -> None:
    catalogs = [Catalog(open_database()) for _ in range(2)]

    def write(number: int) -> None:
        for batch in range(BATCHES):
            catalogs[number].apply([indexed(f"/photos/{number}-{batch}.png")], model.id)

    start = catalog.meta().change_seq
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2), timeout=_PATIENCE_S))
    with database.reading() as connection:
        numbers = sorted(connection.execute(sa.select(tables.images.c.change_seq)).scalars())
    assert numbers == list(range(start + 1, start + 1 + 2 * BATCHES))


def test_a_reader_during_a_write_sees_the_state_before_it_and_is_not_blocked(
    catalog: Catalog, model: ModelRow, database: Database
) -> None:
    [image_id] = add(catalog, model, "/photos/a.png")
    before = catalog.meta()
    with database.writing() as (connection, change_seq):
        connection.execute(sa.delete(tables.images))
        # The same thread reads while its own write is open: were it blocked, it would wait for itself.
        assert catalog.meta() == before
        assert catalog.counts() == Counts(images=1, missing=0, failures=0)
        assert set(catalog.images([image_id])) == {image_id}
        assert [ids.tolist() for ids, _ in catalog.vector_chunks(model.id, model.dim)] == [[image_id]]
    assert catalog.meta().change_seq == change_seq
    assert catalog.counts() == Counts(images=0, missing=0, failures=0)


def test_many_threads_read_one_catalogue_at_once(catalog: Catalog, model: ModelRow) -> None:
    ids = add(catalog, model, *(f"/photos/{number}.png" for number in range(30)))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: sorted(catalog.images(ids)), range(128), timeout=_PATIENCE_S))
    assert answers == [sorted(ids)] * 128
