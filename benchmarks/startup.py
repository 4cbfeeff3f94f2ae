"""How long a cold `photoseek search` takes as a whole process, against importing what it cannot do without.

    python benchmarks/startup.py --photos DIR [--rounds N]

The library is made in a temporary folder from the pictures in DIR, with the built-in model.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import photoseek
from photoseek.benchmarks.timing import ratio, spread, take_turns

_IMPORTS = "import numpy, onnxruntime, sqlalchemy, tokenizers, PIL.Image, click"


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole-process time of a cold text search.")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of pictures to index")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    photoseek_command = str(Path(sys.executable).with_name("photoseek"))
    with tempfile.TemporaryDirectory() as folder:
        with photoseek.open(folder) as library:
            report = library.index([options.photos])
        search = [photoseek_command, "search", "wild big cat", "-k", "5", "--library", folder]
        times_s = take_turns(
            {
                "python starts": lambda: _run([sys.executable, "-c", "pass"]),
                "its imports": lambda: _run([sys.executable, "-c", _IMPORTS]),
                "photoseek --version": lambda: _run([photoseek_command, "--version"]),
                "photoseek search": lambda: _run(search),
            },
            options.rounds,
        )
    print(f"cold start, whole process, {report.embedded} images, model mini, {options.rounds} rounds")
    for name, values in times_s.items():
        print(f"  {name:20s} {spread(values)}  {ratio(values, times_s['its imports']):5.2f} x its imports")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
