"""Requests a second and their latency at several numbers of connections, beside the same searches in Python.

    python benchmarks/server.py [--count 50000] [--seconds 5] [--library DIR]

The library has rows with vectors drawn at random, which cost a search as much as real ones. The client is a process of
its own on the same machine, as lean as sockets allow, and takes processor time from the server: on two cores the server
alone would do more. Words are another question each time, so that no vector of a text is remembered.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import photoseek
from photoseek.search.query.filters import parse_filter
from photoseek.search.query.query import KnownImage, Query, Term, Words
from photoseek.tests.support.made_up import make_library

CONNECTIONS = (1, 8, 32, 128)
K = 20
WHERE = "width > 500"
_NUMBERS = itertools.count()


def words() -> str:
    """Return a question that was not asked before."""
    number = next(_NUMBERS)
    return f"a {('dog', 'cat', 'red car', 'tree', 'house')[number % 5]} and {number} people on a beach"


KINDS: dict[str, Callable[[], str]] = {
    "words": lambda: f"/v1/search?k={K}&q={quote(words())}",
    "like an id": lambda: f"/v1/images/{1 + next(_NUMBERS) % 1_000}/similar?k={K}",
    "words, filtered": lambda: f"/v1/search?k={K}&where={quote(WHERE)}&q={quote(words())}",
}


async def one_connection(port: int, target: Callable[[], str], until_s: float, took_s: list[float]) -> None:
    """Ask one question after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while time.perf_counter() < until_s:
            start_s = time.perf_counter()
            writer.write(f"GET {target()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if not head.startswith("http/1.1 200"):
                raise RuntimeError(head)
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
            took_s.append(time.perf_counter() - start_s)
    finally:
        writer.close()


async def load(port: int, kind: str, connections: int, seconds: float) -> list[float]:
    """Return how long each request took, in seconds."""
    took_s: list[float] = []
    until_s = time.perf_counter() + seconds
    await asyncio.gather(*(one_connection(port, KINDS[kind], until_s, took_s) for _ in range(connections)))
    return took_s


def direct(library: photoseek.Library, kind: str, seconds: float) -> float:
    """Return the searches a second of one thread in Python."""
    where = parse_filter(WHERE) if "filtered" in kind else None
    until_s, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < until_s:
        subject = KnownImage(1 + count % 1_000) if kind == "like an id" else Words(words())
        library.search(Query((Term(subject),), where, k=K))
        count += 1
    return count / seconds


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """Run `photoseek serve`, and yield its port and the id of its process."""
    code = "from photoseek.cli.main import main; main()"
    arguments = [sys.executable, "-W", "ignore", "-c", code, "serve", "--port", "0", "--library", str(folder)]
    with tempfile.TemporaryFile("w+") as log:
        popen = subprocess.Popen(arguments, stderr=log)
        try:
            line = ""
            while not line.endswith("\n"):
                time.sleep(0.1)
                log.seek(0)
                line = log.readline()
            yield int(line.rpartition(":")[2]), popen.pid
        finally:
            popen.terminate()
            popen.wait()


def resident_mb(pid: int) -> float:
    """Return the memory of a process, from Linux."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="The server under load, beside the library in Python.")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--library", type=Path, help="where to make the library, and to find it next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.library or Path(temporary) / "library"
        if not folder.is_dir():
            make_library(folder, options.count, ("a dog", "a beach", "a red car"), 500)
        with photoseek.open(folder, read_only=True) as library, serving(folder) as (port, pid):
            library.search("to load the model")
            asyncio.run(load(port, "words", 1, 2.0))
            before_mb, asked = resident_mb(pid), 0
            print(f"{library.count():,} images, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {K} hits each")
            for kind in KINDS:
                alone = direct(library, kind, options.seconds)
                print(json.dumps({"kind": kind, "in Python, one thread, searches/s": round(alone, 1)}))
                for connections in CONNECTIONS:
                    took_s = asyncio.run(load(port, kind, connections, options.seconds))
                    asked += len(took_s)
                    cuts = statistics.quantiles(took_s, n=100)
                    told = {"connections": connections, "requests/s": round(len(took_s) / options.seconds, 1)}
                    told |= {f"p{p} ms": round(cuts[p - 1] * 1_000, 1) for p in (50, 95, 99)}
                    print(json.dumps(told | {"ratio to Python": round(len(took_s) / options.seconds / alone, 2)}))
            print(f"memory of the server: {before_mb:.0f} MB, {resident_mb(pid):.0f} MB after {asked:,} more requests")


if __name__ == "__main__":
    main()
