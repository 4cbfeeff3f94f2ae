"""Answers of any length: printed as they come, the same as if they had been gathered first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import photoseek
from photoseek.cli import common
from photoseek.cli.common import print_json, print_json_array
from photoseek.cli.main import commands
from photoseek.library.catalog.catalog import Catalog
from photoseek.library.types import ImageRecord
from photoseek.search import engine
from photoseek.tests.support.fakes import paint

VALUES: list[list[dict[str, object]]] = [
    [],
    [{}],
    [{"a": 1}],
    [{"path": 'a "b",\n c: d', "score": 0.25, "at": datetime(2024, 5, 6), "none": None}] * 5,
    [{"id": 1, "duplicates": []}, {"id": 2, "box": [0.1, 0.2]}, {"id": 3, "duplicates": [{"id": 4}]}],
]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_an_array_printed_in_parts_is_the_array_printed_whole(
    values: list[dict[str, object]], at_once: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "_AT_ONCE", at_once)
    print_json(values)
    whole = capsys.readouterr().out
    print_json_array(iter(values))
    assert capsys.readouterr().out == whole


def test_no_more_than_a_page_of_records_is_read_before_the_first_hit_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        paint(tmp_path / f"photos/{number}.png", (30 * number, 10, 200))
    folder = tmp_path / "library"
    with photoseek.open(folder) as library:
        library.index(tmp_path / "photos")
        monkeypatch.setattr(engine, "PAGE_HITS", 2)
        read: list[int] = []
        images = Catalog.images

        def counted(self: Catalog, image_ids: Sequence[int]) -> dict[int, ImageRecord]:
            read.append(len(image_ids))
            return images(self, image_ids)

        monkeypatch.setattr(Catalog, "images", counted)
        query = photoseek.Query(photoseek.parse_terms("blue"), k=50)
        hits = library.stream(query)
        next(hits)
        assert read == [2]
        assert len(list(hits)) == 6
        assert read == [2, 2, 2, 1]
        whole = library.search(query)
        assert list(library.stream(query)) == whole
    printed = CliRunner().invoke(commands, ["search", "blue", "-k", "50", "--json", "--library", str(folder)])
    assert printed.exit_code == 0
    assert [one["id"] for one in json.loads(printed.stdout)] == [hit.image.id for hit in whole]


def test_a_question_that_cannot_be_answered_prints_no_json(tmp_path: Path) -> None:
    answer = CliRunner().invoke(commands, ["search", "blue", "--json", "--library", str(tmp_path / "none")])
    assert answer.stdout == ""
