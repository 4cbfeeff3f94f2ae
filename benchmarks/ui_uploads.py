"""Memory of the pages' server while a visitor sends files that nobody asked for.

    python benchmarks/ui_uploads.py [--files 200] [--mb 20] [--knows-password]

A server of an empty library asks for a password; a visitor, without it unless told otherwise, opens a session where it
is let and sends files as fast as they are taken. Printed: how they were answered, and the server's resident memory at
the start, at its peak, and after the last file. Needs Linux and `[dev]`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from websockets.exceptions import InvalidStatus

from photoseek.tests.support.browser import serving
from photoseek.tests.support.visitors import Visitor

PASSWORD = "open sesame"


def main() -> None:
    """Send the files and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--mb", type=int, default=20)
    parser.add_argument("--knows-password", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        library = Path(home) / "x.library"
        address = stack.enter_context(serving(library, environ={"PHOTOSEEK_UI_PASSWORD": PASSWORD}))
        (server,) = Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split()
        visitor = Visitor(address)
        if options.knows_password:
            visitor.give_password(PASSWORD)
        try:
            session = stack.enter_context(visitor.session())
        except InvalidStatus:
            session = "none"
        data = bytes(options.mb * 1_000_000)
        before_mb = peak_mb = _resident_mb(server)
        answers: Counter[int] = Counter()
        for number in range(options.files):
            answers[visitor.put_file(session, f"file-{number}", data).status] += 1
            peak_mb = max(peak_mb, _resident_mb(server))
        after_mb = _resident_mb(server)
    told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
    print(f"{options.files} files of {options.mb} MB: answered {told}")
    print(f"resident: {before_mb:,.0f} MB at first, {peak_mb:,.0f} MB at most, {after_mb:,.0f} MB after the last")


def _resident_mb(process: str) -> float:
    return int(Path("/proc", process, "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
