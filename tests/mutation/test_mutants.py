"""The changes that mutation testing makes, and which tests it chooses for one."""

from __future__ import annotations

import ast

import pytest

from photoseek.tests.mutation.coverage_map import CoverageMap
from photoseek.tests.mutation.mutants import mutants_of

SOURCE = '''
"""A module."""
from __future__ import annotations

LIMIT: Final = 1 << 4
Value: TypeAlias = int | str

@dataclass(frozen=True)
class Held:
    size: int | None = None

    def put(self, name: str) -> bool:
        """Keep."""
        with self._lock:
            self._count += 1
        if name is None or not self.size:
            raise ValueError("größe 3 < 4")
        logger.info("kept %d", 5)
        return isinstance(name, int | str) and name in [n for n in self.all if n]
'''


def changes(source: str) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in mutants_of("held.py", source)]


def test_what_runs_is_changed_and_what_is_for_readers_and_types_is_not() -> None:
    assert set(changes(SOURCE)) == {
        ("1 << 4", "1 >> 4"),
        ("1", "2"),
        ("4", "5"),
        ("with self._lock:\n    ...", "if True:\n    ..."),
        ("self._count += 1", "self._count -= 1"),
        ("name is None or not self.size", "name is None and (not self.size)"),
        ("name is None or not self.size", "not (name is None or not self.size)"),
        ("name is None", "name is not None"),
        ("not self.size", "self.size"),
        ("raise ValueError('größe 3 < 4')", "pass"),
        ("5", "6"),
        (
            "isinstance(name, int | str) and name in [n for n in self.all if n]",
            "isinstance(name, int | str) or name in [n for n in self.all if n]",
        ),
        ("name in [n for n in self.all if n]", "name not in [n for n in self.all if n]"),
        ("n", "not n"),
    }


def test_every_mutant_is_python_that_differs_in_one_place() -> None:
    whole = ast.dump(ast.parse(SOURCE))
    mutants = mutants_of("held.py", SOURCE)
    assert len({mutant.source for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        assert ast.dump(ast.parse(mutant.source)) != whole
        assert "größe" in mutant.source or mutant.after == "pass"


@pytest.mark.parametrize(
    ("source", "after"),
    [
        ("x = folder / 'a'", None),
        ("x = total / 3", "total * 3"),
        ("for a in b:\n    break", "continue"),
        ("x = min(a, b)", "max(a, b)"),
        ("x = a if c else b", "not c"),
        ("while a and b:\n    del x", "pass"),
        ("x = 'ä' * (1 if y else 2.0)", "3.0"),
    ],
)
def test_some_changes(source: str, after: str | None) -> None:
    made = [new for _, new in changes(source)]
    assert (after in made) if after else made == []


COVERED = CoverageMap(
    took_s={
        "tests/search/test_engine.py::slow": 50.0,
        "tests/search/test_engine.py::quick": 1.0,
        "tests/search/test_other.py::near": 0.5,
        "tests/cli/test_far.py::far": 0.1,
        "tests/cli/test_far.py::never": 0.1,
    },
    tests_of={
        "search/engine.py": {
            7: frozenset(
                {
                    "tests/search/test_engine.py::slow",
                    "tests/search/test_engine.py::quick",
                    "tests/cli/test_far.py::far",
                    "removed since",
                }
            ),
            8: frozenset(),
        }
    },
)


def test_the_tests_of_a_line_are_its_modules_own_first_and_then_the_quick_ones_within_a_budget() -> None:
    own, quick, far = (
        "tests/search/test_engine.py::slow",
        "tests/search/test_engine.py::quick",
        "tests/cli/test_far.py::far",
    )
    assert COVERED.choose("search/engine.py", 7, 60.0) == ([quick, own, far], 51.1)
    assert COVERED.choose("search/engine.py", 7, 10.0) == ([quick, far], 1.1)


def test_a_line_that_no_test_is_known_to_run_is_left_to_those_of_its_module_and_room() -> None:
    chosen, _ = COVERED.choose("search/engine.py", 8, 60.0)
    assert chosen[:2] == ["tests/search/test_engine.py::quick", "tests/search/test_engine.py::slow"]
    assert set(chosen[2:]) == {"tests/search/test_other.py::near", "tests/cli/test_far.py::far"}
    assert COVERED.choose("search/unknown.py", 1, 60.0)[0] == [
        "tests/search/test_other.py::near",
        "tests/search/test_engine.py::quick",
        "tests/search/test_engine.py::slow",
    ]
