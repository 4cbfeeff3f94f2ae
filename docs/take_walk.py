"""Takes the pictures of docs/ui.md: a walk from an empty library to a shared search, and the pages beside the way.

python docs/take_walk.py --photos wallpapers/usr/share/backgrounds

They show the photographs of take_screenshots.py. Needs chromium and `[dev]`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from photoseek.docs.take_screenshots import IMAGES, keep_small, write_photographs
from photoseek.tests.support.browser import CHROMIUM, serving

WIDE, NARROW = (1_200, 760), (390, 760)
LARGEST_BYTES = 140_000
PASSWORD = "open sesame"  # noqa: S105 - of a server that lives while the pictures are taken

_SETTLE_MS = 2_500
_SLOWEST_MS = 180_000


def main() -> None:
    """Walk, and take a picture at each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="where the wallpapers are")
    wallpapers: Path = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        photos, library = Path(home) / "Pictures", Path(home) / "photos.library"
        write_photographs(photos, wallpapers)
        shutil.copy(photos / "coffee-0.jpg", photos / "coffee (copy).jpg")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with serving(library) as address:
            _walk(browser, address, photos)
            _look_around(browser, address, photos)
        with serving(library, environ={"PHOTOSEEK_UI_PASSWORD": PASSWORD}) as address:
            page = _opened(browser, f"{address}/?q=a+cat", NARROW, "dark")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            _keep(page, "ui-5-password")
            page.get_by_role("button", name="Open", exact=True).click()
            page.wait_for_selector(".tile.loaded")
            _keep(page, "ui-5-shared")


def _walk(browser: Browser, address: str, photos: Path) -> None:
    page = _opened(browser, address, WIDE, "light")
    page.get_by_text("No pictures yet").wait_for()
    _keep(page, "ui-1-empty")
    page.get_by_role("link", name="Add a folder of pictures").click()
    page.get_by_label("Folder on this computer").fill(str(photos))
    page.get_by_role("button", name="Index", exact=True).click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_text(re.compile("[0-9] of [0-9,]+ files")).wait_for()
    _keep(page, "ui-2-index")
    page.get_by_text("Done:").wait_for()
    page.get_by_role("link", name="Search").click()
    box = page.get_by_role("searchbox")
    box.fill("a cat")
    box.press("Enter")
    page.get_by_text("weaker matches below").wait_for()
    _keep(page, "ui-3-search")
    page.locator(".tile .open").first.click()
    page.get_by_role("dialog").locator(".similar img").first.wait_for()
    page.get_by_role("dialog").locator(".chip").first.wait_for()
    _keep(page, "ui-4-picture")
    page.close()


def _look_around(browser: Browser, address: str, photos: Path) -> None:
    page = _opened(browser, f"{address}/explore", WIDE, "dark")
    page.locator(".legend button").first.wait_for()
    _keep(page, "ui-explore")
    page.goto(f"{address}/places")
    page.locator(".spot img").first.wait_for()
    _keep(page, "ui-places")
    page.goto(f"{address}/describe")
    page.locator("input[type=file]").set_input_files(photos / "chelsea-1.jpg")
    page.get_by_role("progressbar").nth(7).wait_for()
    _keep(page, "ui-describe")
    page.close()
    page = _opened(browser, f"{address}/duplicates", WIDE, "light")
    page.wait_for_selector(".card")
    _keep(page, "ui-duplicates")
    page.close()


def _opened(browser: Browser, address: str, size: tuple[int, int], scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.set_default_timeout(_SLOWEST_MS)
    page.goto(address)
    return page


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(0 if name == "ui-2-index" else _SETTLE_MS)
    keep_small(page.screenshot(), IMAGES / f"{name}.webp", LARGEST_BYTES)


if __name__ == "__main__":
    main()
