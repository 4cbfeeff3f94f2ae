"""How the pages look in a real browser: edges, marks, bars, wording, and room on a phone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SAMPLES = Path(str(pytest.importorskip("skimage").__file__)).parent / "data"


@pytest.mark.parametrize("width", [390, 1_003, 1_280, 1_440])
def test_every_full_row_of_the_grid_ends_at_the_same_edge(page: Page, sample_server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(reduced_motion="reduce")  # tiles that glide are not yet where they belong
    page.goto(f"{sample_server}/?by=name")  # one group: under a heading, the last row may be short
    page.wait_for_selector(".tile.loaded")
    boxes = page.locator(".tile").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => [box.top, box.right])"
    )
    rights: dict[float, float] = {}
    for top, right in boxes:
        rights[round(top)] = max(right, rights.get(round(top), 0))
    full = [right for top, right in sorted(rights.items())][:-1]
    edge = page.locator(".grid").first.evaluate("one => one.getBoundingClientRect().right")
    assert full
    assert all(abs(right - edge) < 0.6 for right in full)


def test_a_list_of_pictures_holds_nothing_but_pictures(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/?q=a+cat")
    page.get_by_text("weaker matches below").wait_for()
    roles = page.locator(".grid[role=list] > *").evaluate_all("all => all.map(one => one.getAttribute('role'))")
    assert set(roles) == {"listitem"}


def test_what_a_picture_is_called_is_what_is_written_on_it(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/?q=a+cat")
    page.wait_for_selector(".tile.loaded")
    tile = page.locator(".tile").first
    name, facts = tile.locator(".name").text_content(), tile.locator(".facts").text_content()
    assert tile.locator(".open").get_attribute("aria-label") == f"{name} {facts}"


def test_the_pages_are_at_hand_on_a_phone_and_take_no_room_above(page: Page, sample_server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    for name in ("Search", "Explore", "Describe", "Duplicates", "Library", "Evaluate"):
        link = page.get_by_role("link", name=name)
        expect(link).to_be_visible()
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    bar = page.get_by_role("search").bounding_box()
    assert bar is not None
    assert bar["y"] < 48  # 95 before


def test_marks_show_on_a_phone_only_once_one_picture_is_held(browser: Browser, sample_server: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    opacities = "all => all.map(one => getComputedStyle(one).opacity)"
    assert set(page.locator(".tile .mark").evaluate_all(opacities)) == {"0"}
    held = {"pointerType": "touch", "pointerId": 5, "bubbles": True, "isPrimary": True}
    page.locator(".tile .open").first.dispatch_event("pointerdown", held)
    page.get_by_text("1 selected").wait_for()
    assert "0" not in set(page.locator(".tile .mark").evaluate_all(opacities))
    page.locator(".tile .open").nth(1).tap()
    page.get_by_text("2 selected").wait_for()
    context.close()


def test_a_bar_is_as_long_as_its_figure(page: Page, sample_server: str, tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "chelsea.png", tmp_path / "cat.png")
    page.goto(f"{sample_server}/describe")
    page.locator("input[type=file]").set_input_files(tmp_path / "cat.png")
    page.get_by_text("My own words").click()
    page.get_by_text("a dog").first.wait_for()
    page.wait_for_timeout(500)
    bars = page.get_by_role("progressbar")
    for bar in bars.all():
        said = re.search(r"(\d+)%", bar.locator("xpath=..").inner_text() + (bar.get_attribute("aria-label") or ""))
        now = float(bar.get_attribute("aria-valuenow") or -1)
        assert said is not None
        assert now == pytest.approx(float(said[1]), abs=1)


def test_a_picture_is_looked_at_without_advice_to_install_anything(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    page.locator(".tile .open").first.click()
    page.get_by_role("dialog").get_by_text("Size").wait_for()
    assert "pip install" not in page.get_by_role("dialog").inner_text()


def test_an_empty_field_does_not_look_filled_in(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/library")
    field = page.get_by_label("Folder on this computer")
    field.wait_for()
    assert (field.get_attribute("placeholder") or "").startswith("For example ")
    assert field.evaluate("one => getComputedStyle(one, '::placeholder').fontStyle") == "italic"
