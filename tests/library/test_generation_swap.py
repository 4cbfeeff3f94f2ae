"""Answers stay the same while one generation takes another's place, however often, under many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import photoseek
from photoseek import Query, Term, Words, parse_filter
from photoseek.tests.support.changes import BLUE, indexed
from photoseek.tests.support.fakes import ColourEmbedder, paint

READERS = 4
SWAPS = 12
_PATIENCE_S = 120.0

QUERIES = (
    Query((Term(Words("red")),), k=3),
    Query((Term(Words("red")),), parse_filter("path ~ '*/photos/*'"), k=3),
    Query((Term(Words("red")), Term(Words("blue"), -1.0)), k=3),
    Query((Term(Words("red")),), k=3, threshold="auto"),
)


def test_queries_of_every_kind_are_answered_alike_during_swaps(tmp_path: Path) -> None:
    for number in range(4):
        paint(tmp_path / f"photos/{number}.png", (255, number, 0))
    with (
        photoseek.open(tmp_path / "library", model=ColourEmbedder()) as library,
        photoseek.open(tmp_path / "library", model=ColourEmbedder()) as writer,
        ThreadPoolExecutor(READERS) as pool,
    ):
        library.index(tmp_path / "photos")
        store, model = writer._handle.store, writer._handle.model
        store.vectors_of(model).publish()
        expected = [[hit.image.id for hit in library.search(query)] for query in QUERIES]
        assert [len(ids) for ids in expected[:3]] == [3, 3, 3]
        done = threading.Event()

        def ask(reader: int) -> int:
            """Ask in turn until the last swap is done and once more; return how often."""
            asked = 0
            while True:
                last = done.is_set()
                query = (reader + asked) % len(QUERIES)
                assert [hit.image.id for hit in library.search(QUERIES[query])] == expected[query]
                asked += 1
                if last:
                    return asked

        asking = [pool.submit(ask, reader) for reader in range(READERS)]
        try:
            for swap in range(SWAPS):
                with store.writing("index"):
                    store.catalog.apply([indexed(f"/elsewhere/{swap}.png", BLUE)], model.id)
                    store.vectors_of(model).publish()
        finally:
            done.set()
        assert all(each.result(_PATIENCE_S) > 0 for each in asking)
        assert len(library._handle.vectors) == 4 + SWAPS
