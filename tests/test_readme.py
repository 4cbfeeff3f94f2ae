"""The README's commands and code, run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PHOTOSEEK = str(Path(sys.executable).with_name("photoseek"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("photoseek ")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home with some pictures, and the two that the commands name in the working folder."""
    spec = find_spec("skimage")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("scikit-image's photographs are not installed: pip install 'photoseek[demo]'")
    samples = Path(spec.submodule_search_locations[0]) / "data"
    home = tmp_path_factory.mktemp("home")
    (home / "Pictures").mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        shutil.copy(samples / name, home / "Pictures" / name)
    shutil.copy(samples / "coffee.png", home / "pool.jpg")
    shutil.copy(samples / "chelsea.png", home / "cat.jpg")
    return home


def run(arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    # Only what the user would have: no library named in the environment.
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "LANG"}}
    environment = kept | {"HOME": str(home)}
    return subprocess.run(
        arguments, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_readme_names_every_way_of_use() -> None:
    assert {shlex.split(command)[1] for command in commands()} >= {"index", "search", "describe", "failures", "info"}


def test_every_command_of_the_readme_answers(home: Path) -> None:
    for command in commands():
        arguments = [argument.replace("~", str(home)) for argument in shlex.split(command)]
        done = run([PHOTOSEEK, *arguments[1:]], home)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if arguments[1] in {"search", "describe", "info"}:
            assert done.stdout.strip(), command


def test_the_python_of_the_readme_prints_scores_and_paths(home: Path) -> None:
    (code,) = blocks("python")
    done = run([sys.executable, "-c", code], home)
    assert done.returncode == 0, done.stderr
    paths = {Path(line.split(maxsplit=1)[1]).name for line in done.stdout.splitlines()}
    assert paths == {"astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"}


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
