"""The viewer in a real browser: one picture large, its neighbours, its full size, and what is told of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from photoseek.tests.support.album import HIGH, WIDE
from photoseek.ui.deep_zoom import TILE_PX, levels_of, size_at

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def tile(page: Page, name: str) -> Locator:
    return page.locator(f".tile:has(img[alt='{name}']) .open").first


def open_picture(page: Page, address: str, name: str) -> Locator:
    page.goto(address)
    page.wait_for_selector(".tile.loaded")
    tile(page, name).click()
    dialog = page.get_by_role("dialog", name="Picture viewer")
    dialog.wait_for()
    return dialog


def shown(page: Page) -> str:
    return page.locator("dialog .picture").get_attribute("alt") or ""


def contrast(page: Page) -> float:
    """Return how far the middle of the stage is from even grey: 0 to 127."""
    box = page.locator("dialog .stage").bounding_box()
    assert box is not None
    left, top = box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 - 20
    shot = page.screenshot(clip={"x": left, "y": top, "width": 120, "height": 40})
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("L"), dtype=np.float64)
    return float(pixels.std())


def test_a_picture_opens_at_once_with_what_the_grid_has(page: Page, album: str) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    page.evaluate(
        """() => {
            const find = (root, wanted) => {
                for (const one of root.querySelectorAll("*")) {
                    if (one.matches(wanted)) return one;
                    const inner = one.shadowRoot && find(one.shadowRoot, wanted);
                    if (inner) return inner;
                }
                return null;
            };
            window.opens = () => new Promise((resolve) => {
                const began = performance.now(), button = find(document, ".tile .open");
                const look = () => {
                    const image = find(document, "dialog[open] img");
                    if (image?.complete && image.naturalWidth) resolve(performance.now() - began);
                    else requestAnimationFrame(look);
                };
                button.click();
                look();
            });
        }"""
    )
    took_ms = []
    for _ in range(4):  # the best of them: others may be using this machine
        took_ms.append(page.evaluate("window.opens()"))
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
    assert min(took_ms) < 300


def test_keys_and_swipes_leaf_and_escape_gives_the_focus_back(page: Page, album: str) -> None:
    page.goto(album)
    page.wait_for_selector(".tile.loaded")
    names = [name or "" for name in page.locator(".tile img").evaluate_all("all => all.map(one => one.alt)")]
    page.locator(".tile .open").nth(1).click()
    page.get_by_role("dialog").wait_for()
    assert shown(page) == names[1]
    page.keyboard.press("ArrowRight")
    assert shown(page) == names[2]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == names[0]
    expect(page.get_by_role("button", name="Previous picture")).to_be_hidden()
    stage = page.locator("dialog .stage").bounding_box()
    assert stage is not None
    middle = stage["y"] + stage["height"] / 2
    page.mouse.move(stage["x"] + 500, middle)
    page.mouse.down()
    page.mouse.move(stage["x"] + 300, middle, steps=4)
    page.mouse.up()
    assert shown(page) == names[1]
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    focused = page.locator(".tile .open").nth(1)
    assert focused.evaluate("button => button.getRootNode().activeElement === button")


def test_the_address_holds_the_picture_and_the_way_back_closes_it(new_page: Callable[[], Page], album: str) -> None:
    page = new_page()
    open_picture(page, album, "green.png")
    page.wait_for_url(re.compile("image="))
    other = new_page()
    other.goto(page.url)
    other.get_by_role("dialog").wait_for()
    assert shown(other) == "green.png"
    expect(other.get_by_text(re.compile(r"\d / 7"))).to_be_visible()  # among its neighbours, once they are there
    page.go_back()
    page.get_by_role("dialog").wait_for(state="hidden")
    assert "image=" not in page.url
    assert page.locator(".tile").count() == 7


@pytest.mark.parametrize("name", ["panorama.jpg", "strip.jpg"])
def test_the_full_size_is_sharp(page: Page, album: str, name: str) -> None:
    dialog = open_picture(page, album, name)
    dialog.get_by_text(re.compile("Size")).wait_for()
    assert contrast(page) < 60
    stage = page.locator("dialog .stage")
    stage.focus() if stage.get_attribute("tabindex") else page.keyboard.press("Tab")
    for _ in range(12):
        page.keyboard.press("+")
        if float(stage.get_attribute("data-scale") or 0) >= 1:
            break
    page.wait_for_function(
        """() => {
            const find = (root) => {
                for (const one of root.querySelectorAll("*")) {
                    if (one.dataset?.tiles) return one;
                    const inner = one.shadowRoot && find(one.shadowRoot);
                    if (inner) return inner;
                }
                return null;
            };
            const [there, wanted] = (find(document)?.dataset.tiles ?? "0/1").split("/");
            return there === wanted;
        }"""
    )
    page.wait_for_timeout(100)
    assert contrast(page) > 100


def test_wheel_and_drag_come_closer_and_move_about(page: Page, album: str) -> None:
    open_picture(page, album, "panorama.jpg")
    stage = page.locator("dialog .stage")
    box = stage.bounding_box()
    assert box is not None
    before = float(stage.get_attribute("data-scale") or 0)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -800)
    page.wait_for_timeout(100)
    closer = float(stage.get_attribute("data-scale") or 0)
    assert closer > 3 * before
    picture = page.locator("dialog .picture")
    left = picture.evaluate("one => one.getBoundingClientRect().left")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 150, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert picture.evaluate("one => one.getBoundingClientRect().left") == pytest.approx(left - 150, abs=2)
    assert shown(page) == "panorama.jpg"


def test_what_is_known_is_told_and_can_be_clicked(page: Page, album: str) -> None:
    dialog = open_picture(page, album, "a tram on a hill")
    dialog.get_by_text("Saturday, 1 May 2021, 10:00").wait_for()
    dialog.get_by_text("caption, from sidecar").wait_for()
    dialog.get_by_text("What it may show").wait_for()
    label = dialog.locator(".chip").first
    label.wait_for(timeout=180_000)
    word = label.inner_text()
    label.click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == {"q": [word]})
    page.go_back()
    tile(page, "a tram on a hill").click()
    dialog.get_by_role("button", name="Saturday, 1 May 2021, 10:00").click()
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == {"from": ["2021-05-01"], "to": ["2021-05-01"]})
    page.get_by_text("1 picture").first.wait_for()


def test_the_place_is_on_a_map_that_no_server_draws(page: Page, album: str) -> None:
    dialog = open_picture(page, album, "a tram on a hill")
    world = dialog.get_by_role("img", name="Where it was taken: 38.7200° N, 9.1400° W")
    world.wait_for()
    expect(dialog.locator(".world")).to_have_attribute("data-drawn", re.compile("[1-9][0-9]{2}"))
    expect(dialog.get_by_role("link", name="38.7200° N, 9.1400° W")).to_have_attribute(
        "href", "geo:38.720000,-9.140000"
    )


def test_similar_pictures_can_be_looked_at(page: Page, album: str) -> None:
    dialog = open_picture(page, album, "green.png")
    dialog.locator(".similar button").first.click()
    assert shown(page) != "green.png"
    expect(dialog.get_by_text("1 / 6")).to_be_visible()


def test_it_fits_a_phone(page: Page, album: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    dialog = open_picture(page, album, "green.png")
    expect(dialog.get_by_role("region", name="About this picture")).to_be_hidden()
    box = dialog.locator(".stage").bounding_box()
    assert box is not None
    assert box["height"] > 700
    dialog.get_by_role("button", name="About this picture").click()
    dialog.get_by_text("800 × 600").wait_for()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    for button in dialog.locator(".bar .tool:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_levels_halve_until_the_screen_has_enough() -> None:
    assert list(levels_of(1_600, 1_200)) == []
    assert list(levels_of(*WIDE)) == [0, 1]
    assert list(levels_of(*HIGH)) == [0, 1]
    assert list(levels_of(30_000, 10_000)) == [1, 2, 3, 4]  # 300 megapixels are too many to hold
    assert size_at(301, 4_001, 1) == (151, 2_001)
    assert TILE_PX == 512
