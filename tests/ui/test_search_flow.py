"""Searching in a real browser, as people do who type fast, scroll far and go back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from photoseek.tests.support.browser import serving
from photoseek.tests.support.made_up import make_library

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROWS = 600
WORDS = ("a dog on a beach", "a red car")
MATCHING = 50
"""Of each of WORDS."""

COPIES = 3
"""Of one that matches the first of WORDS."""


@pytest.fixture(scope="module")
def wide_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of more pictures than a screen has room for, of which some lie near to WORDS."""
    home = tmp_path_factory.mktemp("wide")
    make_library(home / "wide.library", ROWS, WORDS, ROWS // (MATCHING * len(WORDS)), copies=COPIES)
    return home / "wide.library"


@pytest.fixture(scope="module")
def wide_server(wide_library: Path) -> Iterator[str]:
    with serving(wide_library) as address:
        yield address


def tiles(page: Page) -> Locator:
    return page.locator(".grid[aria-label*=ictures] .tile")


def search(page: Page, text: str) -> None:
    box = page.get_by_role("searchbox")
    box.fill(text)
    box.press("Enter")


def expect_parameters(page: Page, wanted: dict[str, list[str]]) -> None:
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == wanted)


def top(page: Page) -> float:
    return float(page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop"))


def scroll_to(page: Page, top_px: int) -> None:
    """Scroll, asking for more where the end comes into sight, until the page is that long."""
    page.wait_for_function(
        """(top) => {
            const main = document.querySelector('[data-testid=stMain]');
            main.scrollTop = top;
            return Math.abs(main.scrollTop - top) < 2;
        }""",
        arg=top_px,
        polling=200,
    )
    page.wait_for_timeout(400)  # the place is noted when the scrolling rests


def settled(page: Page) -> None:
    page.wait_for_selector(".tile.loaded")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def first_source(page: Page) -> str:
    return tiles(page).first.locator("img").get_attribute("src") or ""


def test_text_typed_right_after_enter_stays_in_the_box(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    search(page, "a red car")
    page.keyboard.type(" at night")
    expect_parameters(page, {"q": ["a red car"]})
    settled(page)
    expect(page.get_by_role("searchbox")).to_have_value("a red car at night")
    page.keyboard.press("Enter")
    expect_parameters(page, {"q": ["a red car at night"]})


@pytest.mark.parametrize("pause_ms", [0, 30, 120])
def test_the_last_of_several_rapid_queries_wins(page: Page, wide_server: str, pause_ms: int) -> None:
    page.goto(wide_server)
    settled(page)
    for text in ("a boat", "a tree", "a dog", "a house", "a red car"):
        search(page, text)
        page.wait_for_timeout(pause_ms)
    expect_parameters(page, {"q": ["a red car"]})
    settled(page)
    page.wait_for_timeout(1_500)  # what was asked before has been answered by now, if it is
    expect_parameters(page, {"q": ["a red car"]})
    expect(page.get_by_role("searchbox")).to_have_value("a red car")
    found = first_source(page)
    page.goto(f"{wide_server}/?q=a+red+car")
    settled(page)
    assert first_source(page).partition("?")[0] == found.partition("?")[0]


def test_a_sign_shows_that_a_search_runs(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    page.evaluate(
        """() => {
            const find = (root) => {
                for (const one of root.querySelectorAll('*')) {
                    if (one.matches('.bar')) return one;
                    const inner = one.shadowRoot && find(one.shadowRoot);
                    if (inner) return inner;
                }
                return null;
            };
            const bar = find(document);
            window.busy = [];
            const seen = () => window.busy.push(bar.getAttribute('aria-busy'));
            new MutationObserver(seen).observe(bar, { attributes: true });
        }"""
    )
    search(page, "a tree in winter")
    expect_parameters(page, {"q": ["a tree in winter"]})
    settled(page)
    page.wait_for_function("() => window.busy.length && window.busy.at(-1) === 'false'")
    assert "true" in page.evaluate("window.busy")


def test_the_box_stays_in_sight_when_the_page_is_scrolled(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    scroll_to(page, 1_500)
    expect(page.get_by_role("searchbox")).to_be_in_viewport()
    page.keyboard.press("/")
    assert top(page) == pytest.approx(1_500, abs=2)  # and the box is reached without moving the page


def test_more_like_this_from_far_down_starts_at_the_top(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    scroll_to(page, 1_600)
    found = tiles(page).nth(40)
    found.scroll_into_view_if_needed()
    found.hover()
    found.get_by_role("button", name="More like this").click()
    page.wait_for_url(re.compile(r"\?t=id"))
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")
    settled(page)
    expect(tiles(page).first).to_be_in_viewport()


def test_back_returns_to_where_the_page_was(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+red+car")
    settled(page)
    scroll_to(page, 4_600)
    count = tiles(page).count()
    assert count > 60
    visited = page.evaluate("history.length")
    search(page, "a dog on a beach")
    expect_parameters(page, {"q": ["a dog on a beach"]})
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")
    settled(page)
    assert page.evaluate("history.length") == visited + 1  # scrolling is no step to go back over
    page.go_back()
    expect_parameters(page, {"q": ["a red car"]})
    page.wait_for_function("() => Math.abs(document.querySelector('[data-testid=stMain]').scrollTop - 4600) < 3")
    expect(tiles(page)).to_have_count(count)
    page.go_forward()
    expect_parameters(page, {"q": ["a dog on a beach"]})
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop === 0")


def test_all_that_match_come_first_and_then_the_nearest_of_the_rest(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach")
    settled(page)
    said = page.get_by_text(re.compile(r"[\d,]+ of 601 match, then the nearest of the rest"))
    said.wait_for()
    matching = int(said.inner_text().partition(" ")[0])
    assert matching == pytest.approx(MATCHING + COPIES, abs=5)
    scroll_to(page, 4_000)
    assert int(said.inner_text().partition(" ")[0]) == matching  # the count does not hang on how far one scrolled
    expect(page.locator(".tile:not(.weak)")).to_have_count(matching - COPIES)
    assert page.locator(".tile.weak").count() > 60


def test_every_picture_is_reached_by_scrolling(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach")
    settled(page)
    for _ in range(30):
        page.evaluate("const main = document.querySelector('[data-testid=stMain]'); main.scrollTop = main.scrollHeight")
        page.wait_for_timeout(300)
        if tiles(page).count() == ROWS + 1 - COPIES:
            break
    assert tiles(page).count() == ROWS + 1 - COPIES


def test_what_matches_nothing_shows_the_nearest_and_says_so(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach&in=0000001")  # a row that lies near to nothing
    settled(page)
    page.get_by_text("None of 1 clearly matches; these are the nearest").wait_for()
    assert tiles(page).count() == 1


def test_folded_pictures_are_unfolded_and_folded_again(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach")
    settled(page)
    stack = page.get_by_role("button", name=re.compile(f"Show {COPIES} more like "))
    before = tiles(page).count()
    stack.click()
    expect(tiles(page)).to_have_count(before + COPIES)
    expect(page.locator(".tile.unfolded")).to_have_count(COPIES + 1)
    page.get_by_role("button", name=re.compile("Fold ")).first.click()
    expect(tiles(page)).to_have_count(before)


def test_nothing_is_folded_where_one_wants_all_by_themselves(page: Page, wide_server: str) -> None:
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach")
    settled(page)
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("Fold what is nearly the same").click()
    expect_parameters(page, {"q": ["a dog on a beach"], "fold": ["0"]})
    expect(page.locator(".stack")).to_have_count(0)


def test_a_new_query_takes_the_old_chips_off(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    search(page, "a painting - blue")
    expect_parameters(page, {"q": ["a painting"], "t": ["-text:blue"]})
    settled(page)
    search(page, "a red car")
    expect_parameters(page, {"q": ["a red car"]})
    expect(page.locator(".chip")).to_have_count(0)


def test_only_something_to_keep_away_from_leaves_that_out(page: Page, wide_server: str) -> None:
    page.goto(wide_server)
    settled(page)
    shown = first_source(page)
    page.goto(f"{wide_server}/?q=a+dog+on+a+beach&fold=0")
    settled(page)
    dogs = set(page.locator(".tile:not(.weak) img").evaluate_all("all => all.map(one => one.src.split('?')[0])"))
    assert dogs
    page.goto(wide_server)
    settled(page)
    search(page, "- a dog on a beach")
    page.locator(".chip.avoid").wait_for()
    page.get_by_text("without what is kept away from").wait_for()
    settled(page)
    sources = page.locator(".tile img").evaluate_all("all => all.map(one => one.src.split('?')[0])")
    assert len(sources) >= 60
    assert not dogs & set(sources)
    assert shown != first_source(page)  # the newest of all are copies of a dog


@pytest.mark.parametrize("text", ["1e9:dog", "0:dog", "cat + 1000:dog"])
def test_a_weight_beyond_reason_is_refused_in_a_line(page: Page, wide_server: str, text: str) -> None:
    page.goto(wide_server)
    settled(page)
    search(page, text)
    page.locator(".said", has_text="weight").wait_for()
    expect(page.get_by_role("searchbox")).to_have_value(text)
    expect_parameters(page, {})
