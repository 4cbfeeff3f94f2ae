"""The changes that mutation testing makes, and which tests it chooses for one."""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath

import pytest

from photoseek.tests.mutation.chosen_tests import Chooser, Measured, imported_modules, nearest
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


SOURCES = {
    "tests/search/test_engine.py": "from photoseek.search.engine import Engine",
    "tests/search/test_near.py": "from photoseek.search import engine",
    "tests/search/test_slow.py": "from photoseek.search.engine import Engine",
    "tests/search/test_other.py": "import photoseek",
    "tests/search/test_broken.py": "import photoseek",
    "tests/cli/test_engine_command.py": "import photoseek",
    "tests/cli/test_far.py": "from photoseek.search.texts import Texts",
}


def test_the_tests_of_a_module_come_first_then_those_that_import_it_and_those_of_its_folder() -> None:
    imports = {path: imported_modules(source) for path, source in SOURCES.items()}
    assert nearest("search/engine.py", imports) == [
        "tests/search/test_engine.py",
        "tests/search/test_near.py",
        "tests/search/test_slow.py",
        "tests/cli/test_engine_command.py",
        "tests/search/test_broken.py",
        "tests/search/test_other.py",
    ]


def test_tests_are_chosen_that_pass_and_run_the_line_within_a_budget_and_measured_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def measure(test: str) -> Measured:
        asked.append(PurePosixPath(test).stem)
        passed, slow = "broken" not in test, "slow" in test
        return Measured(passed, 50.0 if slow else 5.0, {"search/engine.py": [7] if "other" not in test else [8]})

    for path, source in SOURCES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    kept = tmp_path / "kept.json"
    own, near, command = "tests/search/test_engine.py", "tests/search/test_near.py", "tests/cli/test_engine_command.py"
    slow = "tests/search/test_slow.py"
    chooser = Chooser(tmp_path, kept, measure)
    assert chooser.choose("search/engine.py", 7, 20.0) == ([own, near, command], 15.0)
    assert chooser.choose("search/engine.py", 7, 100.0) == ([own, near, slow, command], 65.0)
    assert chooser.choose("search/engine.py", 8, 100.0) == (["tests/search/test_other.py"], 5.0)
    assert Chooser(tmp_path, kept, measure).choose("search/engine.py", 9, 100.0) == ([], 0.0)
    assert len(asked) == 6
    (tmp_path / own).write_text("from photoseek.search.engine import Engine  # and more tests")
    Chooser(tmp_path, kept, measure).choose("search/engine.py", 7, 20.0)
    assert asked[6:] == ["test_engine"]
