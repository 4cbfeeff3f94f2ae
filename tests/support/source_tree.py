"""Which files of the repository are the package, so that tests of its shape agree on it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

# Folders at the root that are no part of the package. A new one must be named here or in pyproject.toml.
BESIDE_THE_PACKAGE = frozenset({"benchmarks", "build", "dist", "docs", "tests", "training"})


def is_beside(folder: Path) -> bool:
    """Whether a folder at the root holds nothing of the package: listed, hidden, or made by a tool."""
    made_by_tool = folder.suffix == ".egg-info" or folder.name == "__pycache__" or (folder / "pyvenv.cfg").exists()
    return folder.name in BESIDE_THE_PACKAGE or folder.name.startswith(".") or made_by_tool


def package_sources() -> dict[str, Path]:
    """Every module of the package by its dotted name below `photoseek`, packages as `NAME.__init__`."""
    files = list(ROOT.glob("*.py"))
    for folder in ROOT.iterdir():
        if folder.is_dir() and not is_beside(folder):
            files += folder.rglob("*.py")
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in sorted(files)}
