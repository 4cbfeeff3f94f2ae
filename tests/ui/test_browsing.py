"""Ways to look around in a real browser: by date, name, words, colour and place; and originals to take along."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Page


def names(page: Page) -> list[str]:
    return [str(name) for name in page.locator(".tile img").evaluate_all("all => all.map(one => one.alt)")]


def expect_parameters(page: Page, wanted: dict[str, list[str]]) -> None:
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == wanted)


def test_a_library_is_browsed_by_month_and_a_timeline_leads_to_one(page: Page, album: str) -> None:
    page.goto(album)
    page.get_by_role("heading", name="2021").wait_for()
    page.get_by_role("heading", name="Without a date").wait_for()
    page.get_by_role("button", name="August 2019: 1 picture").click()
    expect_parameters(page, {"from": ["2019-08-01"], "to": ["2019-08-31"]})
    page.get_by_text("1 picture", exact=True).wait_for()
    page.get_by_role("button", name="2021", exact=True).click()
    expect_parameters(page, {"from": ["2021-01-01"], "to": ["2021-12-31"]})
    page.get_by_role("button", name="All dates").click()
    expect_parameters(page, {})


def test_the_order_of_browsing_is_chosen_and_stands_in_the_address(page: Page, album: str) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    page.get_by_role("combobox", name=re.compile("Order")).click()
    page.get_by_role("option", name="By name").click()
    expect_parameters(page, {"by": ["name"]})
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    expect(page.locator(".tile img").first).to_have_attribute("alt", "a tram on a hill")
    expect(page.locator(".heading")).to_have_count(0)


@pytest.mark.parametrize("words", ["LISBON.jp", "tram hill", "alfama"])
def test_words_of_a_name_a_caption_or_a_keyword_narrow_what_is_shown(page: Page, album: str, words: str) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    page.get_by_role("button", name="Filters").click()
    field = page.get_by_label("Name, caption or keyword")
    field.fill(words)
    field.press("Enter")
    expect_parameters(page, {"text": [words]})
    page.get_by_text("1 picture", exact=True).wait_for()
    assert names(page) == ["a tram on a hill"]


def test_a_colour_narrows_what_is_shown(page: Page, album: str) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    page.get_by_role("button", name="Filters").click()
    page.get_by_test_id("stButtonGroup").get_by_text("red").click()
    expect_parameters(page, {"colour": ["red"]})
    page.get_by_text("1 picture", exact=True).wait_for()
    assert names(page) == ["red.png"]


def test_a_folder_below_what_was_indexed_is_chosen(page: Page, album: str, album_library: Path) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Folder").click()
    folder = str(album_library.parent / "photos" / "painted")
    page.get_by_role("option", name=folder).click()
    expect_parameters(page, {"in": [folder]})
    page.get_by_text("3 pictures", exact=True).wait_for()


def test_pictures_lie_on_a_map_and_a_part_of_it_is_searched(page: Page, album: str) -> None:
    page.goto(f"{album}/places")
    page.get_by_text("2 pictures here").wait_for()
    spots = page.locator(".spot")
    expect(spots).to_have_count(2)
    spots.filter(has=page.locator("img")).first.click()
    page.get_by_role("dialog", name="Picture viewer").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    canvas = page.get_by_role("application", name=re.compile("Map of where"))
    canvas.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    page.get_by_text("0 pictures here").wait_for()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.get_by_text("2 pictures here").wait_for()
    page.get_by_role("button", name="Search among these").click()
    page.wait_for_url(lambda url: "at" in parse_qs(urlsplit(url).query))
    page.get_by_text("2 pictures", exact=True).wait_for()
    page.get_by_role("button", name="Filters · 1").click()
    page.get_by_role("button", name="Taken anywhere").click()
    expect_parameters(page, {})


def test_several_originals_come_as_one_archive(page: Page, album: str, album_library: Path) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    for name in ("red.png", "a tram on a hill"):
        found = page.locator(f".tile:has(img[alt='{name}'])")
        found.hover()
        found.get_by_role("button", name="Select").click()
    page.get_by_text("2 selected").wait_for()
    address = page.get_by_role("link", name="Originals").get_attribute("href") or ""
    answer = page.request.get(f"{album}{address}")
    assert answer.headers["content-disposition"] == 'attachment; filename="pictures.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["lisbon.jpg", "red.png"]
        photos = album_library.parent / "photos"
        assert archive.read("red.png") == (photos / "painted" / "red.png").read_bytes()
    assert page.request.get(f"{album}{address.replace('ids=', 'ids=1,')}").status == 404
