"""Change the product in many small ways, one at a time, and see whether the tests notice.

    python -m photoseek.tests.mutation --sample 60 --seed 1

The product and its tests are copied, so that nothing here is ever left changed. Of each mutant, the files of tests
nearest to it are run, one after the other, until one fails. That counts where the same test passes with nothing
changed; so does a file that takes too long where without the change it does not. What no test notices is printed, by
room, and ends the run with status 1 where less than `--least` of the mutants are killed. Those in equivalent.txt, which
no test could notice, do not count.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .chosen_tests import nearest, suites
from .mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
_ROOMS = ("api", "cli", "indexer", "library", "rerank", "search", "ui")
_PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist")
_CHOICE = ("-m", "not slow and not labelled", "-k", "not postgresql")
"""PostgreSQL's share is left out: it doubles the time, and notices what SQLite's does."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+(?:\[.*?\])?)(?: - .*)?$", re.MULTILINE)
_TOO_LONG = "too long"
_HARMLESS = (0, 5)
"""All tests passed, or all were left out."""


@dataclass(frozen=True, slots=True)
class Options:
    """`work` holds the copy. A mutant is given `files` files of tests, each `limit_s` seconds."""

    work: Path
    sample: int
    seed: int
    files: int
    limit_s: float
    least: float

    @property
    def copy(self) -> Path:
        """The copy of the product, importable as photoseek from the folder above."""
        return self.work / "photoseek"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit status."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=60, help="mutants to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(_ROOMS), help="rooms or modules to change")
    parser.add_argument("--files", type=int, default=6, help="files of tests that are run for a mutant, at most")
    parser.add_argument("--limit-s", type=float, default=120.0, help="for one file of tests")
    parser.add_argument("--least", type=float, default=0.85, help="share of the mutants to be killed")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "mutation")
    given = parser.parse_args(arguments)
    options = Options(given.work.absolute(), given.sample, given.seed, given.files, given.limit_s, given.least)
    _copy_product(options.copy)
    mutants = sampled(tuple(given.only), options)
    return report(mutants, list(tried(mutants, options)), options)


def sampled(only: tuple[str, ...], options: Options) -> list[Mutant]:
    """Draw mutants, each as likely as any other, always the same ones of the same product."""
    paths = [path for path in _product() if path.startswith(only)]
    every = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))]
    distinct = list({mutant.name: mutant for mutant in every}.values())
    return random.Random(options.seed).sample(distinct, min(options.sample, len(distinct)))


def report(mutants: Sequence[Mutant], ends: Sequence[str], options: Options) -> int:
    """Print what came of the mutants by room, and return the exit status."""
    equivalent = set((Path(__file__).parent / "equivalent.txt").read_text(encoding="utf-8").splitlines())
    counted = [(mutant, end) for mutant, end in zip(mutants, ends, strict=True) if mutant.place not in equivalent]
    all_of = Counter(_room(mutant) for mutant, _ in counted)
    killed_of = Counter(_room(mutant) for mutant, end in counted if end)
    for room in sorted(all_of):
        print(f"{room:24} {killed_of[room]:3} of {all_of[room]:3} killed")
    share = killed_of.total() / max(1, all_of.total())
    left_out = len(mutants) - len(counted)
    print(f"{killed_of.total()} of {all_of.total()} killed, {share:.0%}; {left_out} equivalent ones left out")
    return 0 if share >= options.least else 1


def tried(mutants: Sequence[Mutant], options: Options) -> Iterator[str]:
    """Try one mutant after the other, and yield by which test it was killed, or nothing where it survived."""
    files = suites(options.copy)
    for number, mutant in enumerate(mutants, 1):
        tests = nearest(mutant, files)[: options.files]
        killer = next((found for test in tests if (found := _notices(test, mutant, options))), "")
        end = f"killed by {killer}" if killer else f"SURVIVED {len(tests)} files of tests"
        print(f"{number:3} {mutant.place}\n    line {mutant.line}: {end}", flush=True)
        yield killer


def _notices(test: str, mutant: Mutant, options: Options) -> str:
    """Name what fails in a file of tests with the mutant and passes without; nothing where there is no such test."""
    target = options.copy / mutant.path
    target.write_text(mutant.source, encoding="utf-8")
    try:
        failed = failing(test, options)
    finally:
        shutil.copyfile(ROOT / mutant.path, target)
    if not failed:
        return ""
    again = failing(test if failed == _TOO_LONG else failed, options)
    return "" if again else f"{test} ({_TOO_LONG})" if failed == _TOO_LONG else failed


def failing(test: str, options: Options) -> str:
    """Run a file of tests, or one test, in the copy, and name the first that fails; empty where none does."""
    try:
        done = subprocess.run(
            [*_PYTEST, *_CHOICE, test],
            cwd=options.copy,
            env=_environment(options),
            capture_output=True,
            text=True,
            timeout=options.limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _TOO_LONG
    named = _FAILED.search(done.stdout)
    return "" if done.returncode in _HARMLESS else named[1] if named else test


def _environment(options: Options) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(options.work), "PYTHONDONTWRITEBYTECODE": "1"}


def _copy_product(to: Path) -> None:
    """Copy what git knows of here, and nothing else; only what differs, so that a second run starts at once."""
    tracked = _tracked()
    for left in set(to.rglob("*.py")) - {to / path for path in tracked}:
        left.unlink()
    for path in tracked:
        source, target = ROOT / path, to / path
        if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _product() -> list[str]:
    return [path for path in _tracked() if path.endswith(".py") and path.startswith(_ROOMS)]


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if path]


def _room(mutant: Mutant) -> str:
    return Path(mutant.path).parent.as_posix()


if __name__ == "__main__":
    sys.exit(main())
