"""axe-core's findings on every page, in light and dark, on a desk and on a phone: none may be serious."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from photoseek.tests.support.browser import PASSWORD
from photoseek.tests.support.source_tree import ROOT

pytest.importorskip("playwright.sync_api", reason="pages are not tested: playwright is missing")

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(os.environ.get("PHOTOSEEK_AXE", ROOT / ".cache" / "axe" / "node_modules" / "axe-core" / "axe.min.js"))
BAD = {"serious", "critical"}
EXTRA = ["label-content-name-mismatch"]
"""Rules that axe runs only when asked to."""


def _open_viewer(page: Page) -> None:
    page.locator(".tile .open").first.click()
    about = page.get_by_role("dialog").get_by_role("button", name="About this picture")
    if about.get_attribute("aria-expanded") == "false":  # as on a phone
        about.click()
    page.get_by_role("dialog").locator(".chip, .similar button").first.wait_for()


def _open_filters(page: Page) -> None:
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Folder").first.wait_for()


def _nothing(_page: Page) -> None:
    """The page as it is."""


SEEN: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "start": ("", ".tile.loaded", _nothing),
    "search": ("?q=a+cat&t=-text:a+dog", ".tile.loaded", _nothing),
    "rerank": ("?q=a+cat&look=5", ".tile .badge", _nothing),
    "nothing": ("?q=zebra+crossing+in+tokyo&format=PNG&in=nowhere", "text=No picture", _nothing),
    "filters": ("", ".tile.loaded", _open_filters),
    "viewer": ("", ".tile.loaded", _open_viewer),
    "explore": ("explore", ".legend button", _nothing),
    "places": ("places", "canvas, h4", _nothing),
    "describe": ("describe", "[data-testid=stFileUploader]", _nothing),
    "duplicates": ("duplicates", ".card", _nothing),
    "library": ("library", "text=Models", _nothing),
    "evaluate": ("evaluate", "[data-testid=stFileUploader]", _nothing),
}


@pytest.fixture(
    params=[(1_440, "light"), (1_440, "dark"), (390, "light"), (390, "dark")], ids=lambda form: str(form[:2])
)
def formed_page(request: pytest.FixtureRequest, page: Page) -> Page:
    """A page of one of the four forms."""
    if not AXE.exists():
        pytest.skip(f"pages are not examined: there is no {AXE}; make axe")
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return page


def findings(page: Page) -> list[str]:
    """Return what axe finds that is serious, a line for each element."""
    page.evaluate(AXE.read_text())
    rules = {rule: {"enabled": True} for rule in EXTRA}
    result = page.evaluate("rules => axe.run(document, { rules, resultTypes: ['violations'] })", rules)
    return [
        f"{violation['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:240]}"
        for violation in result["violations"]
        if violation["impact"] in BAD
        for node in violation["nodes"]
    ]


def test_axe_finds_nothing_serious_on_any_page(formed_page: Page, sample_server: str) -> None:
    found = {}
    for name, (path, wanted, act) in SEEN.items():
        formed_page.goto(f"{sample_server}/{path}")
        formed_page.wait_for_selector(wanted)
        act(formed_page)
        formed_page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
        if serious := findings(formed_page):
            found[name] = serious
    assert found == {}


def test_axe_finds_nothing_serious_where_the_password_is_asked_for(formed_page: Page, guarded_server: str) -> None:
    formed_page.goto(guarded_server)
    formed_page.get_by_label("Password", exact=True).wait_for()
    assert findings(formed_page) == []
    formed_page.get_by_label("Password", exact=True).fill(PASSWORD)
    formed_page.get_by_role("button", name="Open", exact=True).click()
    formed_page.wait_for_selector(".tile.loaded")
