"""From Enter to the first grid in a real browser, beside the same searches through the Python API, and where it goes.

    python benchmarks/ui.py [--count 50000] [--searches 30]

The library has rows with vectors drawn at random, which cost a search as much as real ones, and for each question a
hundred that lie as near to its words as pictures of it would. Their files are names for a few of scikit-image's
photographs, so that thumbnails are made of real pictures. Processor time is told beside wall-clock time: on a machine
shared with others it is the one to compare. Needs Linux, chromium and `[dev]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import skimage
from playwright.sync_api import Page, sync_playwright

import photoseek
from photoseek.library.catalog.changes import ImageFacts, Indexed
from photoseek.library.embedders.base import normalized
from photoseek.library.embedders.prompts import embed_queries
from photoseek.library.embedders.registry import load_embedder
from photoseek.library.images.sources import FileState
from photoseek.library.settings import read_settings
from photoseek.library.store import Store
from photoseek.search.query.query import Query, Term, Words
from photoseek.tests.support.browser import CHROMIUM, serving
from photoseek.ui.results import captions

BLOCK_ROWS = 5_000
WORDS = ("dog", "beach", "red car", "mountain", "cup of coffee", "night sky", "old house", "flowers", "train", "cat")
PLACES = ("at sunset", "in winter", "from above")
PAUSE_MS = 2_000
"""Between searches, so that the pictures of one do not queue before the next one's: people look at them as well."""

MATCHES = 100
NEARNESS = 0.5
"""How much of its words' vector a matching picture has: cosines are about 0.45, as those of mini's true matches."""

# In the page: when Enter was pressed, when the grid showed another answer, and when its first picture was painted.
_WATCH = """() => {
    const find = (root, wanted) => {
        for (const one of root.querySelectorAll("*")) {
            if (one.matches(wanted)) return one;
            const inner = one.shadowRoot && find(one.shadowRoot, wanted);
            if (inner) return inner;
        }
        return null;
    };
    const grid = () => find(document, ".grid[aria-label^=Pictures]");
    const sign = () => [...(grid()?.querySelectorAll("img") || [])].slice(0, 5).map((one) => one.src).join();
    window.seen = null;
    const box = find(document, "input[type=search]");
    box.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        const start = performance.now(), before = sign();
        const look = () => {
            const told = window.seen, now = performance.now() - start;
            if (!told.grid && sign() !== before) told.grid = now;
            const first = grid()?.querySelector(".tile");
            if (told.grid && first?.classList.contains("loaded")) { told.picture = now; return; }
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "x.library"
        asked = [f"{words} {place}" for place in PLACES for words in WORDS][: options.searches]
        _fill(folder, Path(home), options.count, asked)
        api_ms, page_ms = _through_the_api(folder, asked)
        with serving(folder) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1_440, "height": 900})
            page.goto(f"{address}/?q=warm+up&weak=1&fold=0")
            page.wait_for_selector(".tile.loaded", timeout=120_000)
            page.evaluate(_WATCH)
            before_s = _processor_s()
            seen = [_search(page, words) for words in asked]
            used_s = {name: value - before_s.get(name, 0.0) for name, value in _processor_s().items()}
            browser.close()
    print(f"{options.count:,} images, mini, {len(asked)} searches, each asked for the first time")
    _tell("library.search, k = 60", api_ms, api_ms)
    _tell("that, folded, with captions", page_ms, api_ms)
    _tell("Enter to the new grid", [each["grid"] for each in seen], api_ms)
    _tell("Enter to its first picture", [each["picture"] for each in seen], api_ms)
    for name, value in sorted(used_s.items()):
        print(
            f"  processor, {name:17s} {1_000 * value / len(asked):10.0f} ms a search, thumbnails and decoding included"
        )


def _fill(folder: Path, home: Path, count: int, asked: list[str]) -> None:
    """Make a library of `count` rows over links to the sample photographs, some of them near to what will be asked."""
    samples = Path(str(skimage.__file__)).parent / "data"
    files = sorted(file for file in samples.iterdir() if file.suffix in {".png", ".jpg"})[:12]
    texts = embed_queries(load_embedder("mini"), ["warm up", *asked])
    every = max(1, count // (len(texts) * MATCHES))
    links = home / "links"
    links.mkdir()
    with photoseek.open(folder) as library:
        library.index(files[:1])
    with closing(Store.open(read_settings(folder))) as store:
        model = store.catalog.models()[0]
        chance = np.random.default_rng(0)
        for start in range(0, count, BLOCK_ROWS):
            rows = range(start, min(start + BLOCK_ROWS, count))
            vectors = normalized(chance.standard_normal((len(rows), model.dim), dtype=np.float32))
            for place, row in enumerate(rows):
                if row % every == 0:
                    vectors[place] += NEARNESS * texts[row // every % len(texts)]
            vectors = normalized(vectors)
            changes = []
            for row, vector in zip(rows, vectors, strict=True):
                link = links / f"{row:06}{files[row % len(files)].suffix}"
                link.symlink_to(files[row % len(files)])
                facts = ImageFacts(f"{row:040x}", 512, 384, "JPEG", 1, None, None, None, None)
                changes.append(
                    Indexed(FileState(str(link), str(links), 1, 0), facts, vector, None, content_changed=False)
                )
            store.catalog.apply(changes, model.id)
        store.vectors_of(model).publish_if_due()


def _through_the_api(folder: Path, asked: list[str]) -> tuple[list[float], list[float]]:
    """Return how long each search takes in a warm process, alone and with what a page shows beside, in ms."""
    with photoseek.open(folder) as library:
        library.search(Query((Term(Words("warm up")),), k=60, calibrated=True))
        search_ms, page_ms = [], []
        for words in asked:
            start_s = time.perf_counter()
            hits = library.search(Query((Term(Words(words)),), k=60, calibrated=True))
            search_ms.append(1_000 * (time.perf_counter() - start_s))
            stacks = library.fold(hits)
            captions(library, [stack.hit.image for stack in stacks])
            library.count()
            page_ms.append(1_000 * (time.perf_counter() - start_s))
        return search_ms, page_ms


def _search(page: Page, words: str) -> dict[str, float]:
    """Type words, press Enter, and return the milliseconds until the grid and its first picture were there."""
    box = page.get_by_role("searchbox")
    box.fill(words)
    page.evaluate("window.seen = null")
    box.press("Enter")
    page.wait_for_function("window.seen && window.seen.picture", timeout=60_000)
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
