"""The pages of the documentation: their examples run, and nothing that a reader may set or type is missing."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from photoseek.library import settings
from photoseek.library.settings import read_settings
from photoseek.tests.support.examples import RUN, SHOWN, examples, make_home, run_all, run_command
from photoseek.tests.support.source_tree import ROOT, package_sources

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"])
WITH_EXAMPLES = [page for page in PAGES if any(one.language in RUN and one.reason is None for one in examples(page))]
_NAMES = [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=_NAMES)
def test_every_block_of_code_is_run_or_says_why_not(page: Path) -> None:
    fences = page.read_text(encoding="utf-8").count("```")
    assert fences == 2 * len(examples(page)), "a fence is not closed, or has more after its language than a title"
    for example in examples(page):
        place = f"{page.name}:{example.line}"
        assert example.language in RUN | SHOWN, f"{place}: say which language it is, `text` if none"
        assert example.reason is None or example.language in RUN, f"{place}: {example.language} is never run"


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[page.stem for page in WITH_EXAMPLES])
def test_the_examples_of_the_page_run(page: Path, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    run_command(["photoseek", "index", str(home / "Pictures")], home).check_returncode()
    for example, done in run_all(page, home):
        assert done.returncode == 0, f"{page.name}:{example.line}\n{example.code}\n{done.stderr}"


def test_most_pages_that_guide_have_examples_that_run() -> None:
    assert {"README", "indexing", "python", "queries", "rerank", "start"} <= {page.stem for page in WITH_EXAMPLES}


def test_the_settings_page_has_every_variable_that_the_code_reads() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in package_sources().values())
    read = set(re.findall(r"\bPHOTOSEEK_[A-Z_]+\b", sources))
    assert {"PHOTOSEEK_LIBRARY", "PHOTOSEEK_VLM_KEY"} <= read
    assert {name for name in read if f"| `{name}` |" not in text} == set()


def test_the_settings_page_has_every_key_and_no_other(tmp_path: Path) -> None:
    page = ROOT / "docs" / "settings.md"
    table = page.read_text(encoding="utf-8").partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(settings._KNOWN_KEYS)
    [shown] = [example.code for example in examples(page) if example.language == "toml"]
    (tmp_path / settings.FILE_NAME).write_text(shown, encoding="utf-8")
    read_settings(tmp_path)
    assert set(tomllib.loads(shown)) == set(settings._KNOWN_KEYS)


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="the site is not checked: pip install 'photoseek[docs]'")
def test_every_page_has_its_place_in_the_sites_menu() -> None:
    import yaml

    def pages(entry: object) -> set[str]:
        if isinstance(entry, str):
            return {entry}
        parts = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
        return {page for part in parts for page in pages(part)}

    menu = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    docs = ROOT / "docs"
    assert {file.relative_to(docs).as_posix() for file in docs.rglob("*.md")} <= menu
