"""Which tests run which lines, and how long each takes: measured once, then asked for every mutant."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import CoverageData

TIMES_VARIABLE = "PHOTOSEEK_TEST_TIMES"
_USUAL_S = 0.2


class TestTimes:
    """A plugin of pytest that adds up what each test took, its fixtures included."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._took_s: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
        self._fresh: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._fresh[report.nodeid] = self._fresh.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(json.dumps(self._took_s | self._fresh))


def pytest_configure(config: pytest.Config) -> None:
    """Time the tests where the environment names a file for that."""
    file = os.environ.get(TIMES_VARIABLE)
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(TestTimes(Path(file)))


@dataclass(frozen=True, slots=True)
class CoverageMap:
    """`took_s` has every test that was measured. Files are named by their path in the package."""

    took_s: dict[str, float]
    tests_of: dict[str, dict[int, frozenset[str]]]

    @classmethod
    def read(cls, data_file: Path, times_file: Path, root: Path) -> CoverageMap:
        """Read what a run of the tests under `root` left."""
        data = CoverageData(str(data_file))
        data.read()
        tests_of: dict[str, dict[int, frozenset[str]]] = {}
        for file in data.measured_files():
            path = Path(file)
            if path.is_relative_to(root):
                lines = data.contexts_by_lineno(file).items()
                named = {line: frozenset(_tests(contexts)) for line, contexts in lines}
                tests_of[path.relative_to(root).as_posix()] = named
        return cls(json.loads(times_file.read_text()), tests_of)

    def choose(self, path: str, line: int, budget_s: float) -> tuple[list[str], float]:
        """Return the tests that run a line, those of the module itself first and then the quick ones; and their time.

        A line that no test runs in its own process, but that runs as a module is imported or in a process that a test
        starts, is left to the tests of the module and its room.
        """
        lines = self.tests_of.get(path, {})
        covering = {test for test in lines.get(line, frozenset()) if test in self.took_s}
        room = f"tests/{Path(path).parent.as_posix()}/".replace("/./", "/")
        own = f"{room}test_{Path(path).stem}"
        if not covering:
            covering = {test for tests in lines.values() for test in tests if test in self.took_s}
            covering |= {test for test in self.took_s if test.startswith(room)}
        nearest = sorted(covering, key=lambda test: (not test.startswith(own), self._time(test)))
        chosen, total_s = [], 0.0
        for test in nearest:
            if total_s + self._time(test) <= budget_s:
                chosen.append(test)
                total_s += self._time(test)
        return chosen, total_s

    def _time(self, test: str) -> float:
        return self.took_s.get(test, _USUAL_S)


def _tests(contexts: list[str]) -> Generator[str]:
    """Take the names of tests out of coverage's contexts, which pytest-cov writes as NAME|setup, run or teardown."""
    for context in contexts:
        name, mark, _ = context.rpartition("|")
        if mark:
            yield name
