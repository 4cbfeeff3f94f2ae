"""Which files of tests are nearest to a module: those of its name, those that import it, and those of its folder."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def tests_and_imports(root: Path) -> dict[str, frozenset[str]]:
    """Return every file of tests below a folder, and the modules of the product that each imports."""
    paths = sorted(root.glob("tests/**/test_*.py"))
    return {path.relative_to(root).as_posix(): imported_modules(path.read_text(encoding="utf-8")) for path in paths}


def nearest(path: str, imports: Mapping[str, frozenset[str]]) -> list[str]:
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
