"""Change the product in many small ways, one at a time, and see whether the tests notice.

    python -m photoseek.tests.mutation --sample 60 --seed 1

The product and its tests are copied, so that nothing here is ever left changed. Of each mutant, the files of tests
nearest to it that run the changed line are run, until a test fails; tests that take much longer than usual have noticed
too. What no test notices is printed, by room, and ends the run with status 1 where less than `--least` of the mutants
are killed. Those in equivalent.txt, which no test could notice, do not count.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .chosen_tests import Chooser, Measured, files_of, measured_lines
from .mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
_ROOMS = ("api", "cli", "indexer", "library", "rerank", "search", "ui")
_PYTEST = (sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist")
_CHOICE = "not slow and not labelled"
_MOST_S = 300.0
"""For one file of tests where nothing is changed."""


@dataclass(frozen=True, slots=True)
class Options:
    """`work` holds the copy and what was measured."""

    work: Path
    sample: int
    seed: int
    budget_s: float
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
    parser.add_argument("--budget-s", type=float, default=60.0, help="of tests for a mutant, as they usually take")
    parser.add_argument("--least", type=float, default=0.85, help="share of the mutants to be killed")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "mutation")
    given = parser.parse_args(arguments)
    options = Options(given.work.absolute(), given.sample, given.seed, given.budget_s, given.least)
    _copy_product(options.copy)
    chooser = Chooser(options.copy, options.work / "measured.json", lambda test: measured(test, options))
    mutants = sampled(tuple(given.only), options)
    return report(mutants, list(tried(mutants, chooser, options)), options)


def sampled(only: tuple[str, ...], options: Options) -> list[Mutant]:
    """Draw mutants, each as likely as any other, always the same ones of the same product."""
    paths = [path for path in _product() if path.startswith(only)]
    every = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))]
    distinct = list({mutant.name: mutant for mutant in every}.values())
    return random.Random(options.seed).sample(distinct, min(options.sample, len(distinct)))


def report(mutants: Sequence[Mutant], ends: Sequence[str], options: Options) -> int:
    """Print what came of the mutants by room, and return the exit status."""
    equivalent = set((Path(__file__).parent / "equivalent.txt").read_text(encoding="utf-8").splitlines())
    counted = [(mutant, end) for mutant, end in zip(mutants, ends, strict=True) if mutant.name not in equivalent]
    all_of = Counter(_room(mutant) for mutant, _ in counted)
    killed_of = Counter(_room(mutant) for mutant, end in counted if end != "survived")
    for room in sorted(all_of):
        print(f"{room:24} {killed_of[room]:3} of {all_of[room]:3} killed")
    share = killed_of.total() / max(1, all_of.total())
    left_out = len(mutants) - len(counted)
    print(f"{killed_of.total()} of {all_of.total()} killed, {share:.0%}; {left_out} equivalent ones left out")
    return 0 if share >= options.least else 1


def tried(mutants: Sequence[Mutant], chooser: Chooser, options: Options) -> Iterator[str]:
    """Try one mutant after the other, and yield what came of it: killed, timed out or survived."""
    for number, mutant in enumerate(mutants, 1):
        target = options.copy / mutant.path
        tests, usual_s = chooser.choose(mutant.path, mutant.line, options.budget_s)
        target.write_text(mutant.source, encoding="utf-8")
        try:
            end = _end(tests, usual_s, options)
        finally:
            shutil.copyfile(ROOT / mutant.path, target)
        place = f"{mutant.path}:{mutant.line}"
        print(f"{number:3} {end:9} {place}  {mutant.before}  ->  {mutant.after}  ({files_of(tests)})", flush=True)
        yield end


def _end(tests: Sequence[str], usual_s: float, options: Options) -> str:
    """Run some files of tests against what now lies in the copy; how they end."""
    if not tests:
        return "survived"
    try:
        done = _run([*_PYTEST, "-x", "-m", _CHOICE, *tests], options, 30.0 + 3.0 * usual_s)
    except subprocess.TimeoutExpired:
        return "timed out"
    return "killed" if done else "survived"


def measured(test: str, options: Options) -> Measured:
    """Run one file of tests under coverage, where nothing is changed."""
    data = options.work / "coverage"
    data.unlink(missing_ok=True)
    started_s = time.monotonic()
    try:
        code = _run([*_PYTEST, "-m", _CHOICE, "--cov", "--cov-report=", test], options, _MOST_S)
    except subprocess.TimeoutExpired:
        code = 1
    took_s = time.monotonic() - started_s
    lines = measured_lines(data, options.copy) if data.exists() else {}
    return Measured(code == 0, took_s, lines)


def _run(command: Sequence[str], options: Options, timeout_s: float) -> int:
    silent = subprocess.DEVNULL
    environment = _environment(options)
    with subprocess.Popen(command, cwd=options.copy, env=environment, stdout=silent, stderr=silent) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _environment(options: Options) -> dict[str, str]:
    own = {"PYTHONPATH": str(options.work), "PYTHONDONTWRITEBYTECODE": "1"}
    return os.environ | own | {"COVERAGE_FILE": str(options.work / "coverage")}


def _copy_product(to: Path) -> None:
    """Copy what git knows of here; only what differs, so that a second run starts at once."""
    for path in _tracked():
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
