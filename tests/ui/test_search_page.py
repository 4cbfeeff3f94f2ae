"""The search page's logic, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from PIL import Image

import photoseek
from photoseek.library.catalog.conditions import All, Compared, HasText, Matches, OneOf, Order, Some, Wildcard
from photoseek.library.errors import QueryError
from photoseek.library.types import Hit, ImageRecord
from photoseek.rerank.base import Judgement, RerankedHit, RerankResult
from photoseek.search.duplicates import Stack
from photoseek.search.query.query import KnownImage, Picture, Sort, Term, Words
from photoseek.tests.support.fakes import ColourEmbedder, paint
from photoseek.ui import resources as shared
from photoseek.ui.components import chance, literal, size_in_words
from photoseek.ui.options import UiOptions
from photoseek.ui.paging import as_far_as_before, question_of, show_more
from photoseek.ui.query_builder import as_condition, as_query
from photoseek.ui.rerank_panel import RerankJob, reranked
from photoseek.ui.resources import Resources
from photoseek.ui.results import Answer
from photoseek.ui.search_page import counted_in_words
from photoseek.ui.state import MOST_SHOWN, PAGE, Brought, Filters, Part, SearchState
from photoseek.ui.tiles import laid_out, tile_of, unfold

testing = pytest.importorskip("streamlit.testing.v1", reason="pages are not tested: streamlit is not installed")


def _page() -> None:
    from photoseek.ui.page import show

    show()


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """What the pages share over a library of painted pictures, two with a camera and a date."""
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    for colour in ("red", "green", "blue"):
        paint(tmp_path / "photos" / f"{colour}.png", colour, (40, 30))
    for year in (2019, 2021):
        exif = Image.Exif()
        exif[0x0110] = "X100V"
        exif.get_ifd(0x8769)[0x9003] = f"{year}:05:01 10:00:00"
        Image.new("RGB", (90, 60), (250, 0, 60)).save(tmp_path / "photos" / f"{year}.jpg", exif=exif)
    library = photoseek.open(tmp_path / "x.library", model=ColourEmbedder())
    library.index([tmp_path / "photos"])
    started = shared.start(UiOptions(tmp_path / "x.library"), library)
    yield started
    started.close()


def test_filters_become_a_condition() -> None:
    filters = Filters(date(2020, 1, 1), date(2020, 12, 31), "/a/b/", ("X", "Y"), ("JPEG",), 3, 1_000, captioned=True)
    assert as_condition(filters) == All(
        (
            Compared("taken_at", Order.AT_LEAST, datetime(2020, 1, 1)),
            Compared("taken_at", Order.AT_MOST, datetime(2020, 12, 31, 23, 59, 59, 999_999)),
            Matches("path", ("/a/b/", Wildcard.ANY)),
            OneOf("camera", ("X", "Y")),
            OneOf("format", ("JPEG",)),
            Compared("rating", Order.AT_LEAST, 3),
            Some((Compared("width", Order.AT_LEAST, 1_000), Compared("height", Order.AT_LEAST, 1_000))),
            HasText("caption"),
        )
    )
    assert as_condition(Filters()) is None
    assert as_condition(Filters(folder="Trips")) == All((Matches("path", (Wildcard.ANY, "Trips", Wildcard.ANY)),))


def test_a_state_becomes_a_query(resources: Resources, tmp_path: Path) -> None:
    upload = resources.uploads.add(paint(tmp_path / "x.png", "red").read_bytes(), "x.png")
    state = SearchState("a dog", (Part(KnownImage(3), 2.0), Part(Words("cat"), -1.0), Part(Brought(upload.key))))
    query = as_query(state, resources.uploads)
    assert query.terms == (
        Term(Words("a dog")),
        Term(KnownImage(3), 2.0),
        Term(Words("cat"), -1.0),
        Term(Picture(upload.file)),
    )
    assert (query.threshold, query.calibrated, query.k) == (None, True, MOST_SHOWN)
    with pytest.raises(QueryError, match="not kept any more"):
        as_query(SearchState("", (Part(Brought("gone")),)), resources.uploads)


def test_the_start_page_counts_the_pictures(resources: Resources) -> None:
    page = testing.AppTest.from_function(_page, default_timeout=60).run()
    assert not page.exception
    assert any("5 pictures" in each.value for each in page.markdown)


def test_a_filter_chosen_on_the_page_stands_in_the_address_and_narrows_the_count(resources: Resources) -> None:
    page = testing.AppTest.from_function(_page, default_timeout=60).run()
    page.multiselect(key="filter_cameras").set_value(["X100V"]).run()
    assert page.query_params == {"camera": "X100V"}
    assert any("2 pictures" in each.value for each in page.markdown)
    page.date_input(key="filter_after").set_value(date(2020, 1, 1)).run()
    assert page.query_params == {"camera": "X100V", "from": "2020-01-01"}
    assert any("1 picture" in each.value for each in page.markdown)


def test_a_shared_address_sets_the_filters(resources: Resources) -> None:
    page = testing.AppTest.from_function(_page, default_timeout=60)
    page.query_params["format"] = "PNG"
    page.run()
    assert page.multiselect(key="filter_formats").value == ["PNG"]
    assert any("3 pictures" in each.value for each in page.markdown)


def test_an_error_of_ours_is_told_in_a_line(resources: Resources) -> None:
    page = testing.AppTest.from_function(_page, default_timeout=60)
    page.query_params["t"] = "id:999"
    page.run()
    assert not page.exception
    assert "no image of the library has the id 999" in page.warning[0].value.replace("\\", "")


def test_an_empty_library_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOSEEK_CACHE", str(tmp_path / "cache"))
    started = shared.start(UiOptions(tmp_path / "new.library"))
    page = testing.AppTest.from_function(_page, default_timeout=60).run()
    started.close()
    assert not page.exception
    assert any("No pictures yet" in each.value for each in page.markdown)


def record(image_id: int) -> ImageRecord:
    return ImageRecord(image_id, Path(f"/{image_id}.jpg"), 1, 1, f"{image_id:040x}", 4, 3, "JPEG", 1)


def refinement(resources: Resources) -> RerankResult:
    first, second, third = sorted(resources.library.newest(3), key=lambda image: image.id)
    return RerankResult(
        (
            RerankedHit(Hit(third, 0.1, 0.4), 0.9, rank_before=2, judgement=Judgement(0.97)),
            RerankedHit(Hit(first, 0.3, 0.8), 0.6, rank_before=0, judgement=Judgement(0.55)),
            RerankedHit(Hit(second, 0.2, 0.6), 0.2, rank_before=1, judgement=Judgement(0.01)),
        ),
        "judge",
        weight=0.5,
        judged_count=3,
        cached_count=0,
        wanted_count=3,
        is_final=True,
    )


def test_a_refined_order_shows_what_moved_and_both_looks_and_counts_what_matches_by_it(resources: Resources) -> None:
    refined = refinement(resources)
    judged = {one.hit.image.id for one in refined.hits}
    beside = [image for image in resources.library.newest(9) if image.id not in judged]
    rest = [Hit(image, 0.0, probability) for image, probability in zip(beside, (0.1, 0.9), strict=True)]
    found = Answer((*(one.hit for one in refined.hits), *rest), 4, False, (), 0, 5, {}, has_more=False, is_ranked=True)
    order = reranked(refined, resources, found, SearchState("red", fold=False))
    tiles, line = laid_out(order.stacks, order.line, order.tile)
    assert [tile.moved for tile in tiles] == [2, -1, 0, -1, 0]
    assert [tile.badge for tile in tiles] == ["40% → 97%", "80% → 55%", "", "60% → 1%", ""]
    assert [tile.is_weak for tile in tiles] == [False, False, False, True, True]
    assert (line, order.matching) == (3, 3)


def test_a_rerank_tells_its_latest_order_and_its_error(resources: Resources) -> None:
    steps = [refinement(resources)]
    refining = RerankJob(lambda: iter(steps))
    refining.wait()
    assert (refining.latest, refining.error, refining.is_done) == (steps[0], None, True)

    def failing() -> Iterator[RerankResult]:
        yield steps[0]
        raise QueryError("there is nothing to judge")

    refining = RerankJob(failing)
    refining.wait()
    assert (refining.latest, refining.error) == (steps[0], "there is nothing to judge")


@pytest.mark.parametrize(
    "text", ["![x](http://a/b)", "<b>x</b>", ":red[x] :material/x:", "$a$ `b` *c* _d_ #e", "http://a.b"]
)
def test_markdown_of_others_stays_text(text: str) -> None:
    shown = literal(text)
    assert all(shown[place - 1] == "\\" for place, sign in enumerate(shown) if sign in "![]()<>:$`*_#/.")
    assert shown.replace("\\", "") == text


def test_figures_are_worded() -> None:
    assert [size_in_words(size) for size in (0, 999, 1_500, 12_000_000, 3_400_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "12 MB",
        "3.4 GB",
    ]
    assert [chance(value) for value in (0.0, 0.001, 0.5, 0.999, 1.0)] == ["0%", "<1%", "50%", ">99%", "100%"]


def test_an_answer_is_shown_as_far_as_it_was_scrolled_and_another_from_the_top() -> None:
    dogs, cats = SearchState("a dog of this test"), SearchState("a cat of this test")
    show_more(dogs, PAGE)
    show_more(as_far_as_before(dogs), PAGE)  # told twice of the same end
    assert (as_far_as_before(dogs).shown, as_far_as_before(cats).shown) == (2 * PAGE, PAGE)
    opened = dogs.looking_at(7)
    assert as_far_as_before(opened).shown == 2 * PAGE
    assert question_of(opened) == question_of(dogs) != question_of(cats)
    for _ in range(9):
        state = as_far_as_before(dogs)
        show_more(state, state.shown)
    assert as_far_as_before(dogs).shown == MOST_SHOWN


def test_what_is_folded_is_laid_out_beside_the_first_and_folded_again() -> None:
    first, second, third = (Hit(record(image_id), 0.5, 0.9) for image_id in (91, 92, 93))
    stacks = [Stack(first, (second,)), Stack(third)]

    def shown() -> list[tuple[int, int, bool, bool]]:
        tiles, line = laid_out(stacks, 1, lambda hit: tile_of(hit, "", is_ranked=True))
        assert tiles[line].image.id == 93
        return [(tile.image.id, tile.folded, tile.is_unfolded, tile.is_weak) for tile in tiles]

    folded = [(91, 1, False, False), (93, 0, False, True)]
    assert shown() == folded
    unfold(91)
    assert shown() == [(91, 1, True, False), (92, 0, True, False), (93, 0, False, True)]
    unfold(91)
    assert shown() == folded


def test_only_something_to_keep_away_from_leaves_it_out_of_what_is_browsed(resources: Resources) -> None:
    page = testing.AppTest.from_function(_page, default_timeout=60)
    page.query_params["t"] = "-text:red"
    page.run()
    assert not page.exception
    assert any("Of 5 pictures, those without what is kept away from" in each.value for each in page.markdown)


@pytest.mark.parametrize(
    ("state", "matching", "said"),
    [
        (SearchState(), 0, "40 pictures"),
        (SearchState("a dog"), 12, "12 of 40 match, then the nearest of the rest"),
        (SearchState("a dog"), 20, "20 of 40 match"),
        (SearchState("a dog"), 0, "None of 40 clearly matches; these are the nearest"),
        (SearchState("a dog", sort=Sort.OLDEST), 12, "12 of 40 match, oldest first, then the nearest of the rest"),
    ],
)
def test_the_count_is_worded_honestly(state: SearchState, matching: int, said: str) -> None:
    hits = tuple(Hit(record(image_id), 0.1) for image_id in range(20))
    found = Answer(hits, matching, False, (), 0, 40, {}, has_more=False, is_ranked=state.asks)
    assert counted_in_words(state, found, matching) == said
