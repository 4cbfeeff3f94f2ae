"""The changes that mutation testing makes, and which tests it chooses for one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from photoseek.tests.mutation import __main__ as mutation
from photoseek.tests.mutation.__main__ import Options
from photoseek.tests.mutation.chosen_tests import Suite, nearest
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


FILES = {
    "tests/search/test_engine.py": "from photoseek.search.engine import Engine",
    "tests/search/test_near.py": "from photoseek.search import engine",
    "tests/cli/test_caller.py": "library.search_many([])",
    "tests/search/test_caller.py": "from photoseek.search.engine import Engine\nEngine().search_many([])",
    "tests/search/test_other.py": "import photoseek",
    "tests/cli/test_far.py": "from photoseek.search.texts import Texts\nTexts().find()",
}


def test_the_tests_nearest_to_a_change_are_its_modules_own_then_those_that_know_it_then_those_of_its_folder() -> None:
    files = {path: Suite.of(source) for path, source in FILES.items()}
    source = "class Engine:\n    def search_many(self):\n        return 1\n\n    def find(self):\n        return 2\n"
    many, find = mutants_of("search/engine.py", source)
    assert (many.within, find.within) == (frozenset({"Engine", "search_many"}), frozenset({"Engine", "find"}))
    assert nearest(many, files) == [
        "tests/search/test_engine.py",
        "tests/search/test_caller.py",
        "tests/search/test_near.py",
        "tests/cli/test_caller.py",
        "tests/search/test_other.py",
    ]


PRODUCT = "def larger(one: int, other: int) -> int:\n    return one if one > other else other\n"


TEST = "tests/search/test_sizes.py"


@pytest.mark.parametrize(
    ("changed", "unchanged", "killer"),
    [
        (f"{TEST}::test_it", "", f"{TEST}::test_it"),
        (f"{TEST}::test_it", f"{TEST}::test_it", ""),
        ("too long", "", f"{TEST} (too long)"),
        ("too long", "too long", ""),
        ("", "", ""),
    ],
)
def test_a_mutant_is_killed_by_what_passes_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, unchanged: str, killer: str
) -> None:
    options = Options(tmp_path / "work", sample=1, seed=1, files=3, limit_s=60.0, least=1.0)
    held = options.copy / "search" / "sizes.py"
    for file in (tmp_path / "search" / "sizes.py", held):
        file.parent.mkdir(parents=True)
        file.write_text(PRODUCT)
    (options.copy / TEST).parent.mkdir(parents=True)
    (options.copy / TEST).write_text("def test_it() -> None: ...")
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    monkeypatch.setattr(mutation, "failing", lambda _test, _options: changed if ">=" in held.read_text() else unchanged)
    [mutant] = [one for one in mutants_of("search/sizes.py", PRODUCT) if one.after == "one >= other"]
    assert list(mutation.tried([mutant], options)) == [killer]
    assert held.read_text() == PRODUCT
    assert mutation.report([mutant], [killer], options) == (0 if killer else 1)


@pytest.mark.parametrize(
    ("test", "failed"),
    [
        ("def test_it() -> None: assert 1 == 1", ""),
        ("def test_it() -> None: assert 1 == 2", f"{TEST}::test_it"),
        ("def test_postgresql() -> None: assert 1 == 2", ""),
        (
            "import pytest\n@pytest.mark.parametrize('n', ['one - two'])\ndef test_it(n: str) -> None: assert n == 2",
            f"{TEST}::test_it[one - two]",
        ),
    ],
)
def test_a_file_of_tests_names_what_fails_in_it(tmp_path: Path, test: str, failed: str) -> None:
    options = Options(tmp_path, sample=1, seed=1, files=3, limit_s=120.0, least=1.0)
    (options.copy / TEST).parent.mkdir(parents=True)
    (options.copy / TEST).write_text(test)
    assert mutation.failing(TEST, options) == failed
