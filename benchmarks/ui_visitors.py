"""Many visitors of the pages at once: what goes wrong, how long they wait, and what the server's memory does.

    python benchmarks/ui_visitors.py [--visitors 50] [--minutes 10] [--count 5000] [--pause 5] [--library DIR]

Each visitor, with a session of its own, goes on searching, as a browser does it: a page is drawn for a question that
was never asked before, the first pictures of its grid are fetched, and after a pause comes the next. Printed: errors,
waiting times, and the server's resident memory by the minute. Needs Linux and `[dev]`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Event, Lock, Thread

from photoseek.tests.support.browser import serving
from photoseek.tests.support.made_up import make_library
from photoseek.tests.support.visitors import Visitor

WORDS = ("dog", "beach", "red car", "mountain", "cup of coffee", "night sky", "old house", "flowers", "train", "cat")
PICTURES = 12
"""Of each grid, that are fetched."""

_PICTURE = re.compile(rb"/pictures/grid/\d+\?v=[0-9a-f]+&k=[0-9a-f]{32}")


class _Tally:
    """What the visitors met. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.pages_s: list[float] = []
        self.pictures_s: list[float] = []
        self.errors: Counter[str] = Counter()

    def add(self, page_s: float, pictures_s: list[float]) -> None:
        with self._lock:
            self.pages_s.append(page_s)
            self.pictures_s += pictures_s

    def fail(self, what: str) -> None:
        with self._lock:
            self.errors[what] += 1


def main() -> None:
    """Let the visitors in, and print what they met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--pause", type=float, default=5.0)
    parser.add_argument("--library", type=Path, help="made there, or used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = options.library or Path(home) / "x.library"
        if not folder.exists():
            make_library(folder, options.count, WORDS, max(1, options.count // (len(WORDS) * 50)))
        with serving(folder) as address:
            (server,) = Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
            tally, ended = _Tally(), Event()
            visits = [
                Thread(target=_visit, args=(address, number, options.pause, tally, ended))
                for number in range(options.visitors)
            ]
            start_s = time.monotonic()
            print(f"  before any       {_resident_mb(server):6,.0f} MB", flush=True)
            for visit in visits:
                visit.start()
            minutes = 0
            while time.monotonic() - start_s < 60 * options.minutes:
                ended.wait(min(60.0, max(0.1, start_s + 60 * options.minutes - time.monotonic())))
                minutes += 1
                print(f"  minute {minutes:3d}       {_resident_mb(server):6,.0f} MB", flush=True)
            ended.set()
            for visit in visits:
                visit.join()
            print(f"  all gone         {_resident_mb(server):6,.0f} MB")
            told = f"{options.visitors} visitors, {options.minutes:g} minutes"
            print(f"{told}, with a pause of {options.pause:g} s")
            _tell("pages", tally.pages_s)
            _tell("pictures", tally.pictures_s)
            print(f"  errors   {sum(tally.errors.values())}")
            for what, count in tally.errors.most_common(10):
                print(f"    {count} x {what}")


def _visit(address: str, number: int, pause_s: float, tally: _Tally, ended: Event) -> None:
    chance = random.Random(number)
    visitor = Visitor(address)
    ended.wait(chance.uniform(0, pause_s))
    asked = 0
    while not ended.is_set():
        asked += 1
        words = f"{chance.choice(WORDS)} {number}.{asked}".replace(" ", "+")
        try:
            start_s = time.perf_counter()
            drawn = visitor.drawn("", f"q={words}")
            page_s = time.perf_counter() - start_s
            sources = list(dict.fromkeys(_PICTURE.findall(drawn)))[:PICTURES]
            if not sources:
                tally.fail("a page without pictures")
            pictures_s = []
            for source in sources:
                start_s = time.perf_counter()
                answer = visitor.ask(source.decode())
                pictures_s.append(time.perf_counter() - start_s)
                if answer.status != 200 or answer.headers.get("content-type") != "image/jpeg":
                    tally.fail(f"a picture was answered {answer.status}")
            tally.add(page_s, pictures_s)
        except Exception as error:  # whatever it is, it is what a visitor would have met
            tally.fail(f"{type(error).__name__}: {error}")
        ended.wait(chance.uniform(0.5, 1.5) * pause_s)


def _resident_mb(process: str) -> float:
    return int(Path("/proc", process, "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tell(name: str, values_s: list[float]) -> None:
    p50, p95 = statistics.median(values_s), statistics.quantiles(values_s, n=20)[-1]
    print(f"  {name:8s} {len(values_s):6,d}  p50 {1_000 * p50:6.0f} ms  p95 {1_000 * p95:6.0f} ms")


if __name__ == "__main__":
    main()
