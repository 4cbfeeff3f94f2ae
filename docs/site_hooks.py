"""What the documentation site adds to the pages: the package's sources for its API, and the project's own papers."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import photoseek
from photoseek.library.errors import PhotoseekError

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / ".cache" / "site-sources"
PAPERS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
PLACE = "<!-- the names of photoseek that no other page has -->"
_ERRORS_PLACE = "<!-- every error -->"


def on_startup(**_: object) -> None:
    """Make the sources' folder: paths that are not there when mkdocstrings starts are left out."""
    SOURCES.mkdir(parents=True, exist_ok=True)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lay the package out under its name, since the repository's root is the package, whatever a clone is called."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages: list[str] = tomllib.load(file)["tool"]["setuptools"]["packages"]
    shutil.rmtree(SOURCES, ignore_errors=True)
    for package in packages:
        folder = ROOT.joinpath(*package.split(".")[1:])
        target = SOURCES.joinpath(*package.split("."))
        target.mkdir(parents=True)
        for file_ in folder.glob("*.py"):
            shutil.copy(file_, target)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies beside README to the site."""
    for name in PAPERS:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Fill in the public names, so that none can be missing, and let the papers' links into docs/ lead to the pages."""
    if page.file.src_uri in PAPERS:
        return markdown.replace("](docs/", "](")
    errors = [name for name in photoseek.__all__ if _is_error(name)]
    markdown = markdown.replace(_ERRORS_PLACE, _references(errors))
    if PLACE in markdown:
        pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
        elsewhere = {*errors, *re.findall(r"^::: photoseek\.(\w+)", pages, flags=re.MULTILINE)}
        markdown = markdown.replace(PLACE, _references([name for name in photoseek.__all__ if name not in elsewhere]))
    return markdown


def _is_error(name: str) -> bool:
    value = getattr(photoseek, name)
    return isinstance(value, type) and issubclass(value, PhotoseekError)


def _references(names: list[str]) -> str:
    return "\n\n".join(f"::: photoseek.{name}" for name in names)
