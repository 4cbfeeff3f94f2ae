"""Change the product in many small ways, one at a time, and see whether the tests notice.

    python -m photoseek.tests.mutation --sample 60 --seed 1

The product and its tests are copied, so that nothing here is ever left changed. Once, the tests run under coverage, to
learn which of them run which lines (`--fresh` does it again). Then each mutant's own tests run, the nearest first,
until one fails; tests that take much longer than usual have noticed too. What no test notices is printed, by room, and
ends the run with status 1 where less than `--least` of the mutants are killed. Those in equivalent.txt, which no test
could notice, do not count.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .coverage_map import TIMES_VARIABLE, CoverageMap
from .mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
_ROOMS = ("api", "cli", "indexer", "library", "rerank", "search", "ui")
_PLUGIN = "photoseek.tests.mutation.coverage_map"


@dataclass(frozen=True, slots=True)
class Options:
    """`work` holds the copy and what was measured; `tests` are the folders or files of the tests that take part."""

    work: Path
    tests: tuple[str, ...]
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
    parser.add_argument("--tests", nargs="+", default=["tests"], help="folders of tests that take part")
    parser.add_argument("--only", nargs="+", default=list(_ROOMS), help="rooms or modules to change")
    parser.add_argument("--budget-s", type=float, default=60.0, help="of tests for a mutant, as they usually take")
    parser.add_argument("--least", type=float, default=0.85, help="share of the mutants to be killed")
    parser.add_argument("--fresh", action="store_true", help="learn again which tests run which lines")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "mutation")
    given = parser.parse_args(arguments)
    options = Options(given.work.absolute(), tuple(given.tests), given.sample, given.seed, given.budget_s, given.least)
    _copy_product(options.copy)
    coverage, times = options.work / "coverage", options.work / "times.json"
    if given.fresh or not times.exists():
        _measure(options, coverage, times)
    covered = CoverageMap.read(coverage, times, options.copy)
    mutants = sampled(tuple(given.only), options)
    return report(mutants, list(_tried(mutants, covered, options)), options)


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


def _tried(mutants: Sequence[Mutant], covered: CoverageMap, options: Options) -> Iterator[str]:
    for number, mutant in enumerate(mutants, 1):
        target = options.copy / mutant.path
        tests, usual_s = covered.choose(mutant.path, mutant.line, options.budget_s)
        target.write_text(mutant.source, encoding="utf-8")
        try:
            end = _end(tests, usual_s, options)
        finally:
            shutil.copyfile(ROOT / mutant.path, target)
        where = f"{mutant.path}:{mutant.line}"
        print(f"{number:3} {end:9} {where}  {mutant.before}  ->  {mutant.after}  ({len(tests)} tests)", flush=True)
        yield end


def _end(tests: Sequence[str], usual_s: float, options: Options) -> str:
    """Run some tests against what now lies in the copy; how they end."""
    if not tests:
        return "survived"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=options.copy,
            env=_environment(options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30.0 + 3.0 * usual_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timed out"
    return "killed" if done.returncode else "survived"


def _measure(options: Options, coverage: Path, times: Path) -> None:
    """Run the tests once; one that fails where nothing is changed would kill every mutant."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow and not labelled"]
    command += ["-p", _PLUGIN, "-p", "no:cacheprovider", "--cov", "--cov-context=test", "--cov-report=", "--cov-append"]
    environment = _environment(options) | {"COVERAGE_FILE": str(coverage), TIMES_VARIABLE: str(times)}
    done = subprocess.run([*command, *options.tests], cwd=options.copy, env=environment, check=False)
    if done.returncode:
        raise SystemExit("the tests must pass before any mutant is tried")


def _environment(options: Options) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(options.work), "PYTHONDONTWRITEBYTECODE": "1"}


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
