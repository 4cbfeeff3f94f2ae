"""Which files of tests to run against a changed module: those nearest to it that run the changed line, the quick first.

What a file of tests runs, and how long it takes, is measured when it is first needed, and kept.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from coverage import CoverageData

MOST_FILES = 8
"""Files of tests that are looked at for one module: those further away rarely notice what these do not."""

_USUAL_S = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a file of tests did where nothing is changed: its seconds, and the lines it ran, by the product's files.

    `passed` is false where a test failed, or none ran: such a file tells nothing of a change.
    """

    passed: bool
    took_s: float
    lines: dict[str, list[int]]


def measured_lines(data_file: Path, root: Path) -> dict[str, list[int]]:
    """Read what coverage found, by the files' paths below `root`."""
    data = CoverageData(str(data_file))
    data.read()
    files = [Path(file) for file in data.measured_files()]
    inside = [file for file in files if file.is_relative_to(root)]
    return {file.relative_to(root).as_posix(): sorted(data.lines(str(file)) or ()) for file in inside}


class Chooser:
    """Chooses files of tests below `root`.

    Args:
        root: the product's folder, with `tests/` in it.
        kept: where measurements are kept, as JSON.
        measure: runs one file of tests where nothing is changed.
    """

    def __init__(self, root: Path, kept: Path, measure: Callable[[str], Measured]) -> None:
        self._kept = kept
        self._measure = measure
        self._root = root
        self._known: dict[str, Measured] = {}
        if kept.exists():
            stored = json.loads(kept.read_text(encoding="utf-8"))
            self._known = {key: Measured(**fields) for key, fields in stored.items()}
        paths = sorted(path.relative_to(root).as_posix() for path in root.glob("tests/**/test_*.py"))
        self._imports = {path: imported_modules((root / path).read_text(encoding="utf-8")) for path in paths}

    def choose(self, path: str, line: int, budget_s: float) -> tuple[list[str], float]:
        """Return files of tests that run a line of a module, nearest first, and their seconds; within `budget_s`."""
        chosen: list[str] = []
        total_s = 0.0
        for test in nearest(path, self._imports)[:MOST_FILES]:
            found = self._measured(test)
            runs_it = found.passed and line in found.lines.get(path, ())
            if runs_it and total_s + found.took_s <= budget_s:
                chosen.append(test)
                total_s += found.took_s
        return chosen, total_s

    def _measured(self, test: str) -> Measured:
        content = (self._root / test).read_bytes()
        key = f"{test} {hashlib.sha256(content).hexdigest()[:12]}"
        if key not in self._known:
            self._known[key] = self._measure(test)
            stored = {name: asdict(one) for name, one in self._known.items()}
            self._kept.write_text(json.dumps(stored), encoding="utf-8")
        return self._known[key]


def nearest(path: str, imports: dict[str, frozenset[str]]) -> list[str]:
    """Return the files of tests that may know a module: by its name, by importing it, or by testing its folder."""
    module = PurePosixPath(path)
    dotted = ".".join(module.with_suffix("").parts)
    folder = f"tests/{module.parent.as_posix()}/"

    def distance(test: str) -> int | None:
        stem = PurePosixPath(test).stem
        if stem == f"test_{module.stem}":
            return 0
        if dotted in imports[test]:
            return 1 if test.startswith(folder) else 2
        if stem.startswith(f"test_{module.stem}"):
            return 2
        return 3 if test.startswith(folder) else None

    known = [(near, test) for test in imports if (near := distance(test)) is not None]
    return [test for _, test in sorted(known)]


def imported_modules(source: str) -> frozenset[str]:
    """Return the modules of the product that a file of tests imports, without the product's own name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("photoseek."):
            below = (node.module or "").removeprefix("photoseek.")
            found |= {below, *(f"{below}.{name.name}" for name in node.names)}
    return frozenset(found)


def files_of(tests: Sequence[str]) -> str:
    """Word files of tests for a line of a report."""
    return ", ".join(PurePosixPath(test).stem for test in tests) or "no test runs it"
