"""The search page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from photoseek.tests.support.browser import HOSTILE_NAME, serving
from photoseek.tests.support.fakes import paint

expect = pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing").expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def search(page: Page, text: str) -> None:
    box = page.get_by_role("searchbox")
    box.fill(text)
    box.press("Enter")


def tile(page: Page, name: str) -> Locator:
    return page.locator(".grid[aria-label*=ictures] .tile", has=page.get_by_role("img", name=name)).first


def first_name(page: Page) -> str:
    page.wait_for_selector(".tile.loaded")
    return page.locator(".tile img").first.get_attribute("alt") or ""


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def expect_parameters(page: Page, wanted: dict[str, list[str]]) -> None:
    """Wait for an address: it changes a moment before or after the page does."""
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query) == wanted)


def expect_first(page: Page, name: str) -> None:
    page.wait_for_function(
        """(name) => {
            const find = (root) => {
                for (const one of root.querySelectorAll("*")) {
                    if (one.classList.contains("tile")) return one;
                    const inner = one.shadowRoot && find(one.shadowRoot);
                    if (inner) return inner;
                }
                return null;
            };
            return find(document)?.querySelector("img")?.alt === name;
        }""",
        arg=name,
    )


def test_the_first_visit_shows_pictures_by_signed_ids_and_not_by_paths(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    page.get_by_text("11 pictures").wait_for()
    sources = page.locator(".tile img").evaluate_all("images => images.map(image => image.getAttribute('src'))")
    assert all(re.fullmatch(r"/pictures/grid/\d+\?v=[0-9a-f]+&k=[0-9a-f]{32}", source) for source in sources)


def test_words_find_pictures_and_stand_in_the_address(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    search(page, "a cat")
    expect_parameters(page, {"q": ["a cat"]})
    expect_first(page, "chelsea.png")
    page.get_by_text("weaker matches below").wait_for()


def test_enter_that_ends_a_composition_does_not_search_yet(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    box = page.get_by_role("searchbox")
    box.focus()
    visited = page.evaluate("history.length")
    # As an input method types: pinyin under composition, a proposal taken by Enter, and only then Enter to search.
    typing = page.context.new_cdp_session(page)
    typing.send("Input.imeSetComposition", {"text": "mao", "selectionStart": 3, "selectionEnd": 3})
    box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    typing.send("Input.insertText", {"text": "猫"})
    box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    expect(box).to_have_value("猫")
    box.press("Enter")
    expect_parameters(page, {"q": ["猫"]})
    assert page.evaluate("history.length") == visited + 1  # one search, and none for "mao" or by the first Enter


def test_a_shared_address_shows_the_same_to_another_visitor(new_page: Callable[[], Page], sample_server: str) -> None:
    first, second = new_page(), new_page()
    first.goto(sample_server)
    search(first, "a rocket")
    expect_parameters(first, {"q": ["a rocket"]})
    expect_first(first, "rocket.jpg")
    second.goto(first.url)
    expect_first(second, "rocket.jpg")
    expect(second.get_by_role("searchbox")).to_have_value("a rocket")


def test_the_back_button_returns_to_what_was_looked_for_before(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    search(page, "a cat")
    expect_parameters(page, {"q": ["a cat"]})
    expect_first(page, "chelsea.png")
    search(page, "a cup of coffee")
    expect_parameters(page, {"q": ["a cup of coffee"]})
    expect_first(page, "coffee.png")
    page.go_back()
    expect_first(page, "chelsea.png")
    expect(page.get_by_role("searchbox")).to_have_value("a cat")


def test_a_dropped_picture_finds_its_like(page: Page, sample_server: str, tmp_path: Path) -> None:
    page.goto(sample_server)
    page.locator("input[type=file]").first.set_input_files(paint(tmp_path / "mine.png", "blue", (200, 200)))
    expect_first(page, "blue.png")
    page.locator(".chip", has_text="mine.png").wait_for()


def test_a_file_that_is_no_picture_is_refused_in_one_line(page: Page, sample_server: str, tmp_path: Path) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    file = tmp_path / "mine.png"
    file.write_bytes(b"no picture at all")
    page.locator("input[type=file]").first.set_input_files(file)
    page.locator(".said", has_text="mine.png:").wait_for()
    assert "t=" not in page.url


def test_more_like_this_then_combined_with_words_then_turned_against_them(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    found = tile(page, "chelsea.png")
    found.hover()
    found.get_by_role("button", name="More like this").click()
    page.wait_for_url(re.compile(r"\?t=id"))
    expect_first(page, "chelsea.png")
    [part] = parameters(page)["t"]
    assert re.fullmatch(r"id:\d+", part)
    search(page, "a cup of coffee")
    page.wait_for_url(re.compile("q=a.cup"))
    page.get_by_role("button", name="Keep away from: chelsea.png").click()
    expect_parameters(page, {"q": ["a cup of coffee"], "t": [f"-{part}"]})
    expect_first(page, "coffee.png")


def test_a_negated_word_becomes_a_chip_and_can_be_taken_off(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/?q=a+painting")
    search(page, "- blue")
    page.locator(".chip.avoid", has_text="blue").wait_for()
    expect_parameters(page, {"q": ["a painting"], "t": ["-text:blue"]})
    page.get_by_role("button", name="Take off: blue").click()
    expect_parameters(page, {"q": ["a painting"]})


def test_filters_narrow_what_is_searched(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.get_by_text("11 pictures").wait_for()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Format").click()
    page.get_by_role("option", name=re.compile("JPEG")).click()
    page.get_by_text("2 pictures").wait_for()
    expect_parameters(page, {"format": ["JPEG"]})


def test_nothing_matches_says_so_and_shows_the_nearest(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/?q=zebra+crossing+in+tokyo&format=PNG&in=painted")
    page.get_by_text("None of 3 clearly matches; these are the nearest").wait_for()
    page.wait_for_selector(".tile.loaded")


def test_one_picture_opens_large_and_the_address_says_so(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    tile(page, "coffee.png").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("600 × 400").wait_for()
    page.wait_for_url(re.compile("image="))
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "image=" not in url)


def test_names_and_descriptions_of_others_stay_text(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    found = page.locator(".tile", has_text="alert(3)").first
    found.locator(".open").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("<script>alert(2)</script>").first.wait_for()
    dialog.get_by_text(HOSTILE_NAME).first.wait_for()
    dialog.get_by_text("<b onmouseover=alert(4)>Camera</b>").first.wait_for()
    assert page.locator("img[src=x], [onmouseover], [onerror]").count() == 0


def test_the_keyboard_goes_from_tile_to_tile_and_opens_one(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    page.locator(".tile .open").first.focus()
    page.keyboard.press("ArrowRight")
    second = page.locator(".tile .open").nth(1)
    assert second.evaluate("button => button.getRootNode().activeElement === button")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()


def test_pictures_selected_are_searched_by(page: Page, sample_server: str) -> None:
    page.goto(sample_server)
    page.wait_for_selector(".tile.loaded")
    for name in ("red.png", "chelsea.png"):
        found = tile(page, name)
        found.hover()
        found.get_by_role("button", name="Select").click()
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="Search by these").click()
    page.wait_for_url(re.compile(r"t=id.*t=id"))
    expect(page.locator(".chip")).to_have_count(2)


def test_a_password_is_asked_for_and_a_wrong_one_refused(page: Page, sample_library: Path) -> None:
    with serving(sample_library, environ={"PHOTOSEEK_UI_PASSWORD": "correct horse"}) as address:
        page.goto(f"{address}/?q=a+cat")
        page.locator("input[type=password]").fill("wrong")
        page.locator("input[type=password]").press("Enter")
        page.get_by_text("That is not the password.").wait_for()
        assert page.locator(".tile").count() == 0
        page.locator("input[type=password]").fill("correct horse")
        page.locator("input[type=password]").press("Enter")
        expect_first(page, "chelsea.png")


def test_an_empty_library_says_how_to_fill_it(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path / "new.library") as address:
        page.goto(address)
        page.get_by_text("No pictures yet").wait_for()


def test_it_works_below_a_path_as_behind_a_reverse_proxy(page: Page, sample_library: Path) -> None:
    with serving(sample_library, "--base-path", "/photos/") as address:
        assert address.endswith("/photos")
        page.goto(f"{address}/?q=a+cat")
        expect_first(page, "chelsea.png")
        page.wait_for_selector(".tile.loaded")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(page: Page, sample_server: str, scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{sample_server}/?q=a+cat")
    page.wait_for_selector(".tile.loaded")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator(".grid").first.bounding_box()
    assert box is not None
    assert box["width"] > 340


def test_twenty_visitors_at_once_each_get_their_own_answer(new_page: Callable[[], Page], sample_server: str) -> None:
    wanted = {"a cat": "chelsea.png", "a rocket": "rocket.jpg", "a cup of coffee": "coffee.png"}
    visits = [(new_page(), list(wanted)[number % 3]) for number in range(20)]
    for page, words in visits:
        page.goto(f"{sample_server}/?q={words.replace(' ', '+')}", wait_until="commit")
    for page, words in visits:
        expect_first(page, wanted[words])


def test_a_rerank_changes_the_order_shows_what_moved_and_counts_what_matches(
    page: Page, red_loving_library: Path
) -> None:
    with serving(red_loving_library) as address:
        page.goto(f"{address}/?q=something+blue&fold=0")
        assert first_name(page) != "red.png"
        page.get_by_role("combobox", name=re.compile("Rerank")).click()
        page.get_by_role("option", name="Rerank: up to 60 s").click()
        page.wait_for_url(re.compile("look=60"))
        page.get_by_text(re.compile("Reranked 3 of 3")).wait_for()
        expect_first(page, "red.png")
        expect(page.locator(".moved.up").first).to_have_text(re.compile("▲[12]"))
        expect(page.locator(".badge").first).to_have_text(re.compile("→ >99%"))
        # The search was so sure of the contrary that the judge does not make it a match: the count says so.
        page.get_by_text("None of 3 clearly matches; these are the nearest").wait_for()


def test_the_built_in_judge_reranks_without_a_model_being_set_up(page: Page, sample_server: str) -> None:
    page.goto(f"{sample_server}/?q=a+woman+in+an+orange+suit+smiles&look=60")
    page.get_by_text(re.compile(r"Reranked (\d+) of \1 with mini")).wait_for()
    expect_first(page, "astronaut.png")
    expect(page.locator(".badge").first).to_have_text(re.compile("→"))


def test_a_question_about_a_picture_is_answered(page: Page, red_loving_library: Path) -> None:
    with serving(red_loving_library) as address:
        page.goto(address)
        page.wait_for_selector(".tile.loaded")
        tile(page, "red.png").click()
        box = page.get_by_label("Ask about this picture")
        box.fill("Is it red?")
        box.press("Enter")
        page.get_by_role("dialog").get_by_text("Yes, a red picture.").wait_for()
