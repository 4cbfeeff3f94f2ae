"""What README alone must show; its examples are run with those of the other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from photoseek.tests.support.examples import examples, make_home, run
from photoseek.tests.support.source_tree import ROOT

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_readme_shows_the_verbs_that_everybody_needs() -> None:
    shell = "".join(example.code for example in examples(README) if example.language == "sh")
    assert {"index", "search", "describe", "failures", "info", "ui"} <= set(re.findall(r"photoseek (\w+)", shell))


def test_the_python_of_the_readme_prints_scores_and_paths(tmp_path: Path) -> None:
    [example] = [example for example in examples(README) if example.language == "python"]
    done = run(example, make_home(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    paths = {Path(line.split(maxsplit=1)[1]).name for line in done.stdout.splitlines()}
    assert paths == {"astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"}


@pytest.mark.parametrize("paper", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_that_is_linked_to_exists(paper: str) -> None:
    links = re.findall(r"(?:\]\(|src=\")([^)#:\"]+)", (ROOT / paper).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_is_short_and_leads_to_the_guides() -> None:
    assert len(TEXT.splitlines()) < 120
    guides = {"start", "indexing", "queries", "ui", "python", "rerank", "vlm", "commands", "settings", "mini"}
    assert {guide for guide in guides if f"(docs/{guide}.md" not in TEXT} == set()
