"""The examples in README and docs: found in the page, and run as a reader would run them.

A fenced block in `sh` or `python` is run, in the page's order, in one home with some photographs. One with a title is
written to the file of that name. A block that cannot be run says why in the line above it: `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

RUN = frozenset({"python", "sh"})
SHOWN = frozenset({"json", "nginx", "text", "toml"})

_FENCE = re.compile(
    r"""(?:^[ ]*<!--\ not\ run:\ (?P<reason>[^\n]+?)\ -->\n)?
        ^(?P<indent>[ ]*)```(?P<language>\w*)(?:\ title="(?P<title>[^"\n]+)")?\n
        (?P<code>.*?)
        ^(?P=indent)```$""",
    flags=re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_KEPT = frozenset({"COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "LANG", "PATH", "PYTHONPATH"})


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block of a page; `reason` is why it is not run, and `title` the file that it is to be found in."""

    line: int
    language: str
    code: str
    title: str | None
    reason: str | None


def examples(page: Path) -> list[Example]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE),
            match["title"],
            match["reason"],
        )
        for match in _FENCE.finditer(text)
    ]


def make_home(folder: Path) -> Path:
    """Make a user's home with a folder of photographs, and with the two that examples name in the working folder."""
    spec = find_spec("skimage")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("scikit-image's photographs are not installed: pip install 'photoseek[demo]'")
    samples = Path(spec.submodule_search_locations[0]) / "data"
    (folder / "Pictures").mkdir(parents=True)
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        shutil.copy(samples / name, folder / "Pictures" / name)
    shutil.copy(samples / "coffee.png", folder / "pool.jpg")
    shutil.copy(samples / "chelsea.png", folder / "cat.jpg")
    return folder


def run(example: Example, home: Path) -> subprocess.CompletedProcess[str]:
    """Run an example at home; a shell stops at its first command that fails."""
    if example.language == "python":
        return run_command([sys.executable, "-c", example.code], home)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the examples for shells are not run: there is no bash")
    return run_command([bash, "-euxo", "pipefail", "-c", example.code], home)


def run_command(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with only what the user would have: no library named in the environment."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    # What is computed once for a model, such as the nouns' vectors, is computed once for all pages.
    environment = kept | {"HOME": str(home), "PATH": path, "XDG_CACHE_HOME": str(home.parent / "cache")}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=600, check=False)


def run_all(page: Path, home: Path) -> Iterator[tuple[Example, subprocess.CompletedProcess[str]]]:
    """Run the examples of a page one after another, as far as they are wanted; write those with a title."""
    for example in examples(page):
        if example.title is not None:
            (home / example.title).write_text(example.code, encoding="utf-8")
        elif example.language in RUN and example.reason is None:
            yield example, run(example, home)
