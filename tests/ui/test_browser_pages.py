"""The pages beside the search page in a real browser: a library is made, kept, explored and measured."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

import photoseek
from photoseek.tests.support.browser import HOSTILE_NAME, serving
from photoseek.tests.support.fakes import paint

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SAMPLES = Path(str(pytest.importorskip("skimage").__file__)).parent / "data"
PAGES = ("", "explore", "describe", "duplicates", "library", "evaluate")


def tiles(page: Page) -> Locator:
    return page.locator(".tile")


def choose(page: Page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()


def open_map(page: Page, address: str) -> None:
    """Show the map; the first time, thousands of words are embedded for it."""
    page.goto(f"{address}/explore")
    page.locator(".legend button").first.wait_for(timeout=180_000)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photographs, a copy of one, a painting, and a file that is no picture and looks like markup."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea.png", "rocket.jpg"):
        shutil.copy(SAMPLES / name, folder)
    shutil.copy(SAMPLES / "rocket.jpg", folder / "rocket again.jpg")
    paint(folder / "red.png", "red", (240, 180))
    (folder / HOSTILE_NAME).write_bytes(b"not a picture")
    return folder


@pytest.fixture
def own_server(tmp_path: Path, photos: Path) -> Iterator[str]:
    """The address of a server of a library of `photos`, for a test that changes it."""
    with photoseek.open(tmp_path / "own.library") as library:
        library.index([photos])
    with serving(tmp_path / "own.library") as address:
        yield address


def test_from_an_empty_library_to_a_search(page: Page, tmp_path: Path, photos: Path) -> None:
    with serving(tmp_path / "new.library") as address:
        page.goto(address)
        page.get_by_text("No pictures yet").wait_for()
        page.get_by_role("link", name="Add a folder of pictures").click()
        page.get_by_label("Folder on this computer").fill(str(photos))
        choose(page, "Index")
        page.get_by_text("Done: 4 new, 1 failed.").wait_for()
        page.get_by_text("1 file could not be read").wait_for()
        page.get_by_role("link", name="Search").click()
        box = page.get_by_role("searchbox")
        box.fill("a cat")
        box.press("Enter")
        page.get_by_role("img", name="chelsea.png").first.wait_for()


def test_a_run_is_stopped_from_the_page_and_taken_up_again(page: Page, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(400):
        paint(many / f"{number:03}.png", (number % 256, number // 2, 90), (1_200, 900))
    with serving(tmp_path / "new.library") as address:
        page.goto(f"{address}/library")
        page.get_by_label("Folder on this computer").fill(str(many))
        choose(page, "Index")
        choose(page, "Stop")
        page.get_by_text("Stopped before the end").wait_for()
        page.get_by_label("Folder on this computer").fill(str(many))
        choose(page, "Index")
        page.get_by_text("Done:").wait_for(timeout=120_000)
    with photoseek.open(tmp_path / "new.library") as library:
        assert library.info().images == 400


def test_a_folder_that_is_not_there_stays_in_the_box_to_be_mended(page: Page, tmp_path: Path, photos: Path) -> None:
    with serving(tmp_path / "new.library") as address:
        page.goto(f"{address}/library")
        box = page.get_by_label("Folder on this computer")
        wrong = f"{photos}-mistyped"
        box.fill(wrong)
        choose(page, "Index")
        page.get_by_role("alert").get_by_text("mistyped").wait_for()
        expect(box).to_be_enabled()
        expect(box).to_have_value(wrong)
        box.press("End")
        for _ in range(len("-mistyped")):
            box.press("Backspace")
        choose(page, "Index")
        page.get_by_text("Done: 4 new, 1 failed.").wait_for()


def test_the_counts_move_while_a_folder_is_indexed(page: Page, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(400):
        paint(many / f"{number:03}.png", (number % 256, number // 2, 90), (1_200, 900))
    with serving(tmp_path / "new.library") as address:
        page.goto(f"{address}/library")
        page.get_by_label("Folder on this computer").fill(str(many))
        choose(page, "Index")
        page.get_by_role("button", name="Stop", exact=True).wait_for()
        page.wait_for_function(
            """() => {
                const count = Number(document.querySelector("[data-testid=stMetricValue]").innerText.replace(",", ""));
                return document.querySelector("[data-testid=stProgress]") && count > 0 && count < 400;
            }"""
        )
        choose(page, "Stop")
        page.get_by_text(re.compile("Stopped before the end|Done:")).wait_for()


def test_a_file_that_failed_is_tried_again(page: Page, own_server: str, photos: Path) -> None:
    page.goto(f"{own_server}/library")
    page.get_by_text("1 file could not be read").wait_for()
    shutil.copy(SAMPLES / "coffee.png", photos / HOSTILE_NAME)
    choose(page, "Try them again")
    page.get_by_text("Done: 1 new").wait_for()
    expect(page.get_by_text("could not be read", exact=False)).to_have_count(1)  # the count above, of none
    page.goto(own_server)
    page.get_by_role("img", name=HOSTILE_NAME).first.wait_for()


def test_a_library_is_examined(page: Page, own_server: str) -> None:
    page.goto(f"{own_server}/library")
    choose(page, "Examine")
    page.get_by_text("Everything is as it should be.").wait_for()


def test_a_copy_is_shown_beside_what_stays_and_can_be_forgotten(page: Page, own_server: str, photos: Path) -> None:
    page.goto(f"{own_server}/duplicates")
    page.get_by_text("1 group").wait_for()
    group = page.get_by_role("group", name="2 duplicates")
    expect(group.get_by_role("img")).to_have_count(2)
    expect(group.get_by_role("button", name="Stays")).to_have_count(1)
    page.get_by_role("button", name="Paths").last.click()
    page.get_by_text(str(photos / "rocket")).first.wait_for()
    page.keyboard.press("Escape")
    choose(page, "Forget the others")
    page.get_by_text("No duplicates").wait_for()
    assert (photos / "rocket.jpg").exists()
    assert (photos / "rocket again.jpg").exists()


def test_a_cluster_of_the_map_shows_its_pictures_and_searches_by_them(page: Page, sample_server: str) -> None:
    open_map(page, sample_server)
    page.locator(".legend button").first.click()
    tiles(page).first.wait_for()
    choose(page, "Search by these")
    page.wait_for_url(lambda url: "t=id" in url)
    assert all(part.startswith("id:") for part in parse_qs(urlsplit(page.url).query)["t"])
    page.wait_for_selector(".tile.loaded")


def test_pictures_are_chosen_with_the_lasso(page: Page, sample_server: str) -> None:
    open_map(page, sample_server)
    choose(page, "Lasso")
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    left, top = box["x"] + 4, box["y"] + 4
    right, bottom = box["x"] + box["width"] - 4, box["y"] + box["height"] - 4
    page.mouse.move(left, bottom)
    page.mouse.down()
    for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    page.get_by_text("Chosen with the lasso").wait_for()
    page.get_by_text("11 pictures").first.wait_for()
    expect(tiles(page)).to_have_count(11)


def test_the_map_is_walked_by_keys_and_a_picture_opened(page: Page, sample_server: str) -> None:
    open_map(page, sample_server)
    canvas = page.get_by_role("application")
    canvas.focus()
    for key in ("ArrowLeft", "ArrowRight", "+", "0"):
        page.keyboard.press(key)
    name = page.locator(".card .name").inner_text()
    assert page.locator(".live").inner_text().startswith(name)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text(name).first.wait_for()
    page.get_by_role("dialog").get_by_role("button", name="More like this").first.click()
    page.wait_for_url(lambda url: "t=id" in url)


def test_a_picture_that_is_brought_gets_words_and_finds_its_like(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/describe")
    page.locator("input[type=file]").set_input_files(SAMPLES / "chelsea.png")
    page.get_by_role("img", name="The picture you brought, chelsea.png").wait_for()
    page.get_by_text("Egyptian cat").wait_for(timeout=180_000)
    page.get_by_text("My own words").click()
    page.get_by_text("a dog").first.wait_for()
    choose(page, "Find pictures like it")
    page.wait_for_url(lambda url: "t=upload" in url)
    page.wait_for_selector(".tile.loaded")
    expect(tiles(page).locator("img").first).to_have_attribute("alt", "chelsea.png")


def test_labelled_queries_are_measured_and_drawn(page: Page, sample_server: str, tmp_path: Path) -> None:
    queries = tmp_path / "queries.jsonl"
    lines = [{"query": "a cat", "relevant": ["chelsea.png"]}, {"query": "a rocket", "relevant": ["rocket.jpg"]}]
    queries.write_text("\n".join(json.dumps(line) for line in lines))
    page.goto(f"{sample_server}/evaluate")
    page.locator("input[type=file]").set_input_files(queries)
    page.get_by_text("2 queries").wait_for()
    expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(2)


def test_the_read_only_mode_shows_nothing_that_writes(page: Page, sample_library: Path) -> None:
    with serving(sample_library, "--read-only") as address:
        page.goto(f"{address}/library")
        page.get_by_role("button", name="Examine").wait_for()
        assert page.get_by_role("button", name="Index").count() == 0
        assert page.get_by_role("button", name="Update").count() == 0
        page.goto(f"{address}/duplicates")
        page.get_by_role("group", name="duplicates").get_by_role("img").first.wait_for()
        assert page.get_by_role("button", name="Forget the others").count() == 0


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone(page: Page, sample_server: str, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{sample_server}/{path}")
    page.wait_for_selector("[data-testid=stMainBlockContainer] button:visible, .tile")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", PAGES)
def test_every_control_of_a_page_has_a_name_and_every_picture_an_alternative(
    page: Page, sample_server: str, path: str
) -> None:
    page.goto(f"{sample_server}/{path}")
    page.wait_for_selector("[data-testid=stMainBlockContainer] button:visible, .tile")
    nameless = page.locator("button, a, input, canvas, img").evaluate_all(
        """elements => elements.filter(one => one.offsetParent && !(
            one.getAttribute("aria-label") || one.textContent.trim() || one.alt || one.title
            || one.labels?.length || one.getAttribute("aria-labelledby") || one.type === "file"
        )).map(one => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_of_duplicates_one_is_chosen_side_by_side_and_the_choice_undone(
    page: Page, own_server: str, photos: Path
) -> None:
    page.goto(f"{own_server}/duplicates")
    group = page.get_by_role("group", name="2 duplicates")
    group.wait_for()
    stays = group.get_by_role("button", name="Stays")
    expect(stays).to_have_count(1)
    group.get_by_role("button", name="Goes").click()
    expect(stays).to_have_count(2)
    expect(page.get_by_role("button", name="Forget the others")).to_be_disabled()
    stays.first.click()
    expect(stays).to_have_count(1)
    choose(page, "Forget the others")
    page.get_by_text("1 picture forgotten.").wait_for()
    page.get_by_text("No duplicates").wait_for()
    assert (photos / "rocket.jpg").exists()
    choose(page, "Undo")
    group.wait_for(timeout=180_000)
    expect(page.get_by_text("forgotten.")).to_have_count(0)


def test_a_folder_to_index_is_picked_level_by_level(page: Page, tmp_path: Path) -> None:
    for name in ("2020/summer", "2021"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    summer = tmp_path / "pictures" / "2020" / "summer"
    paint(summer / "red.png", "red")
    with serving(tmp_path / "new.library", environ={"HOME": str(tmp_path / "pictures")}) as address:
        page.goto(f"{address}/library")
        choose(page, "Browse")
        page.get_by_role("button", name="2020", exact=True).click()
        page.get_by_role("button", name="summer", exact=True).click()
        page.get_by_text("1 picture here, as far as names tell").wait_for()
        choose(page, "Take this folder")
        expect(page.get_by_label("Folder on this computer")).to_have_value(str(summer))
        choose(page, "Index")
        page.get_by_text("Done: 1 new.").wait_for()
