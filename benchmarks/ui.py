"""From Enter to the grid and its pictures in a real browser, as ratios to the same searches through the Python API.

    python benchmarks/ui.py [--count 50000] [--searches 30] [--library DIR]

The library has rows with vectors drawn at random, which cost a search as much as real ones, and for each question a
hundred that lie as near to its words as pictures of it would. Their files are names for a few of scikit-image's
photographs, so that thumbnails are made of real pictures; with --library, such a library is kept there and used again.
A search through the API and one through the page take turns, so that both meet the same load. Processor time is told
beside wall-clock time: on a machine shared with others it is the one to compare. Needs Linux, chromium and `[dev]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import photoseek
from photoseek import Library
from photoseek.search.query.query import Query, Term, Words
from photoseek.tests.support.browser import CHROMIUM, serving
from photoseek.tests.support.made_up import make_library

WORDS = ("dog", "beach", "red car", "mountain", "cup of coffee", "night sky", "old house", "flowers", "train", "cat")
PLACES = ("at sunset", "in winter", "from above")
PAUSE_MS = 2_000
"""Between searches, so that the pictures of one do not queue before the next one's: people look at them as well."""

MATCHES = 100

# In the page: when Enter was pressed, when the grid showed another answer, when its first picture was there, and when
# all were that stand in the window.
_WATCH = """() => {
    const find = (root, wanted) => {
        for (const one of root.querySelectorAll("*")) {
            if (one.matches(wanted)) return one;
            const inner = one.shadowRoot && find(one.shadowRoot, wanted);
            if (inner) return inner;
        }
        return null;
    };
    let found = null;
    const grid = () => (found?.isConnected ? found : (found = find(document, ".grid[aria-label*=ictures]")));
    const sign = () => [...(grid()?.querySelectorAll("img") || [])].slice(0, 5).map((one) => one.src).join();
    window.seen = null;
    const box = find(document, "input[type=search]");
    box.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        const start = performance.now(), before = sign();
        const look = () => {
            const told = window.seen, now = performance.now() - start;
            if (!told.grid && sign() !== before) told.grid = now;
            if (told.grid) {
                const tiles = [...grid().querySelectorAll(".tile")];
                const isIn = (tile) => tile.getBoundingClientRect().top < innerHeight;
                if (!told.picture && tiles[0]?.classList.contains("loaded")) told.picture = now;
                if (tiles.length && tiles.filter(isIn).every((tile) => tile.classList.contains("loaded"))) {
                    told.all = now;
                    return;
                }
            }
            requestAnimationFrame(look);
        };
        window.seen = {};
        requestAnimationFrame(look);
    }, { capture: true });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--searches", type=int, default=30)
    parser.add_argument("--library", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = options.library or Path(home) / "x.library"
        asked = [f"{words} {place}" for place in PLACES for words in WORDS][: options.searches]
        if not folder.exists():
            texts = ["warm up", *asked]
            make_library(folder, options.count, texts, max(1, options.count // (len(texts) * MATCHES)))
        with (
            photoseek.open(folder) as library,
            serving(folder) as address,
            sync_playwright() as playwright,
        ):
            count = library.count()
            _through_the_api(library, "warm up")
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1_440, "height": 900})
            page.goto(f"{address}/?q=warm+up")
            page.wait_for_selector(".tile.loaded", timeout=120_000)
            page.evaluate(_WATCH)
            before_s = _processor_s()
            engine_ms, seen = [], []
            for words in asked:
                engine_ms.append(_through_the_api(library, words))
                seen.append(_search(page, words))
            used_s = {name: value - before_s.get(name, 0.0) for name, value in _processor_s().items()}
            browser.close()
    print(f"{count:,} images, mini, {len(asked)} searches, each asked for the first time")
    _tell("library.search, k = 60", engine_ms, engine_ms)
    _tell("Enter to the new grid", [each["grid"] for each in seen], engine_ms)
    _tell("Enter to its first picture", [each["picture"] for each in seen], engine_ms)
    _tell("Enter to all in sight", [each["all"] for each in seen], engine_ms)
    for name, value in sorted(used_s.items()):
        print(
            f"  processor, {name:17s} {1_000 * value / len(asked):10.0f} ms a search, thumbnails and decoding included"
        )


def _through_the_api(library: Library, words: str) -> float:
    """Return how long a search takes in a warm process, in ms."""
    start_s = time.perf_counter()
    library.search(Query((Term(Words(words)),), k=60, calibrated=True))
    return 1_000 * (time.perf_counter() - start_s)


def _search(page: Page, words: str) -> dict[str, float]:
    """Type words, press Enter, and return the milliseconds until the grid and its pictures were there."""
    box = page.get_by_role("searchbox")
    box.fill(words)
    page.evaluate("window.seen = null")
    box.press("Enter")
    page.wait_for_function("() => window.seen && window.seen.all", timeout=60_000)
    page.wait_for_timeout(PAUSE_MS)
    seen: dict[str, float] = page.evaluate("window.seen")
    return seen


def _processor_s() -> dict[str, float]:
    """Return the processor time of the processes started from here, by what they are, in seconds."""
    parents: dict[int, int] = {}
    used: dict[int, tuple[str, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has just ended
        fields = rest.split()
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = name, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total: dict[str, float] = {}
    for process, (name, seconds) in used.items():
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and process != above:
            kind = "browser" if name.startswith("chrom") else "server" if name.startswith("photoseek") else "other"
            total[kind] = total.get(kind, 0.0) + seconds
    return total


def _tell(name: str, values_ms: list[float], baseline_ms: list[float]) -> None:
    p50, p95 = statistics.median(values_ms), statistics.quantiles(values_ms, n=20)[-1]
    print(f"  {name:28s} p50 {p50:6.0f} ms  p95 {p95:6.0f} ms  {p50 / statistics.median(baseline_ms):6.2f} x the API")


if __name__ == "__main__":
    main()
