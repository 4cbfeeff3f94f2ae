"""Which files of tests are nearest to a change: those of its module, those that know it, those of its folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .mutants import Mutant

_SHORTEST_NAME = 5
"""A shorter name, or one of Python's own, is met in tests that have nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The modules of the product that a file of tests imports, and every word in it."""

    imports: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, source: str) -> Suite:
        """Take them out of its source."""
        return cls(imported_modules(source), frozenset(re.findall(r"\w+", source)))


def suites(root: Path) -> dict[str, Suite]:
    """Return the files of tests below a folder, by their paths."""
    paths = sorted(root.glob("tests/**/test_*.py"))
    return {path.relative_to(root).as_posix(): Suite.of(path.read_text(encoding="utf-8")) for path in paths}


def nearest(mutant: Mutant, files: Mapping[str, Suite]) -> list[str]:
    """Return the files of tests that may know of a change, the likeliest first.

    Those named after the module come first, then those that import it and name what was changed, then those that do
    either, and at last the others that test its folder.
    """
    module = PurePosixPath(mutant.path)
    dotted = ".".join(module.with_suffix("").parts)
    folder = f"tests/{module.parent.as_posix()}/"
    names = {name for name in mutant.within if len(name) >= _SHORTEST_NAME and not name.startswith("__")}

    def nearness(test: str) -> int:
        file, is_inside = files[test], test.startswith(folder)
        if PurePosixPath(test).stem == f"test_{module.stem}":
            return 20
        knows = 2 * (dotted in file.imports) + 2 * bool(names & file.words)
        return 2 * knows + is_inside

    return sorted((test for test in files if nearness(test)), key=lambda test: (-nearness(test), test))


def imported_modules(source: str) -> frozenset[str]:
    """Return the modules of the product that a file of tests imports, without the product's own name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("photoseek."):
            below = (node.module or "").removeprefix("photoseek.")
            found |= {below, *(f"{below}.{name.name}" for name in node.names)}
    return frozenset(found)
