"""Imports run one way, and each heavy or far-reaching module has the importers it is meant to have, and no others."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from photoseek.tests.support.source_tree import ROOT, package_sources

# Rooms and what each may import: cli, ui, server -> api -> rerank -> search, indexer -> library.
_BELOW_API = {"rerank", "indexer", "search", "library"}
ROOMS = {
    "library": {"library"},
    "indexer": {"indexer", "library"},
    "search": {"search", "library"},
    "rerank": {"rerank", "search", "library"},
    "api": {"api", *_BELOW_API},
    "ui": {"__init__", "ui", "api", *_BELOW_API},
    "server": {"server", "api", *_BELOW_API},
    "cli": {"cli", "ui", "server", "api", *_BELOW_API},
    "__init__": {"api", "server", *_BELOW_API},
}

# The pages speak to `Library`, in the public names of the package: of what lies below they may import these alone.
BELOW_PAGES = (
    "library.errors",
    "library.settings",
    "library.checked_files",
    "library.catalog.browsing",  # facets and conditions, as values
    "library.catalog.conditions",
    "library.catalog.overviews",
    "library.files",
    "library.images.*",  # limits of decoding, and text made plain
    "library.types",
    "search.calibration",
    "search.describe",  # the words that are proposed
    "search.evaluate",
    "search.map_layout",
    "search.query.arithmetic",  # the bounds of weights
    "search.thumbnails",
    "indexer.*",  # isolated decoding
)

# Modules from outside that only these of ours may import; a name that ends in "*" stands for all that begin so.
SOLE_IMPORTERS = {
    "sqlalchemy": (
        "library.catalog.catalog",
        "library.catalog.conditions_sql",
        "library.catalog.path_text",
        "library.catalog.planning",
        "library.catalog.writing",
        "library.catalog.browsing",
        "library.catalog.overviews",
        "library.catalog.places",
        "library.catalog.vlm_answers",
        "library.catalog.texts",
        "library.catalog.database",
        "library.catalog.distance",
        "library.catalog.driver_errors",
        "library.catalog.tables",
        "library.checks.*",
    ),
    "faiss": ("library.vectors.faiss_index",),
    "torch": (
        "library.embedders.openclip.*",
        "rerank.llava",
        "rerank.blip",
        "rerank.pretrained",
        "rerank.device",
    ),
    "torchvision": ("library.embedders.openclip.*",),
    "open_clip": ("library.embedders.openclip.*",),
    "huggingface_hub": ("library.embedders.hub",),
    "transformers": (
        "rerank.llava",
        "rerank.blip",
        "rerank.pretrained",
        "rerank.device",
    ),
    "onnxruntime": (
        "library.embedders.mini",
        "library.embedders.multilingual",
        "library.embedders.onnx_files",
        "library.embedders.openclip.*",
        "rerank.mini_files",
    ),
    "tokenizers": (
        "library.embedders.mini",
        "library.embedders.multilingual",
        "library.embedders.onnx_files",
        "library.embedders.openclip.*",
    ),
    "tomllib": ("library.settings",),
    "filelock": ("library.lock", "library.embedders.openclip.embedder"),
    "click": ("cli.*",),
    "watchdog": ("indexer.fs_events",),
    "pyarrow": ("search.export",),
    "streamlit": ("ui*",),
    "starlette": (
        "ui.routes",
        "ui.guard",
        "ui.hosts",
        "ui.password_form",
        "ui.server",
        "ui.viewer_routes",
        "ui.page_routes",
        "server.*",
    ),
    "fastapi": ("server.*",),
    "uvicorn": ("server.launch",),
    "httpx": ("server.client",),
    "mcp": ("server.agents",),
    "prometheus_client": ("server.metrics", "server.routes.health"),
    "umap": ("search.map_layout",),
}

# Never loaded by importing one of our modules, but where a function first needs them. The pages are the exception: a
# server that runs Streamlit imports them.
HEAVY = {
    "faiss",
    "huggingface_hub",
    "onnxruntime",
    "open_clip",
    "streamlit",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
    "umap",
}

# Packages that would tell their makers of their use: whoever imports one switches that off first.
TALKATIVE = {"huggingface_hub", "onnxruntime", "open_clip", "transformers"}

# Who may read or set environment variables.
ENVIRONMENT_READERS = {"library.settings", "library.telemetry"}


def is_page(module: str) -> bool:
    """Whether a module is imported by nothing but a running server."""
    return module.startswith("ui.") and module not in {"ui.__init__", "ui.launch", "ui.options"}


@dataclass(frozen=True)
class Import:
    """One import: what is asked for, whether relatively, and whether importing the module runs it."""

    target: str
    is_relative: bool
    is_immediate: bool


def imports(module: str, tree: ast.Module) -> Iterator[Import]:
    """Yield every import of `module`, wherever it stands; relative ones with their target below `photoseek`."""
    folder = module.split(".")[:-1]
    lazy = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        immediate = node not in lazy
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, is_relative=False, is_immediate=immediate) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Import(node.module or "", is_relative=False, is_immediate=immediate)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1]
            named = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (Import(".".join([*base, name]), is_relative=True, is_immediate=immediate) for name in named)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
            yield from (Import(str(name), is_relative=False, is_immediate=immediate) for name in names)


def complaints(module: str, source: str) -> list[str]:
    """Say everything that is wrong with the imports and the manners of one module."""
    tree = ast.parse(source)
    room = module.partition(".")[0]
    found = [] if room in ROOMS else [f"{room} is no room that the layers know"]
    for each in imports(module, tree):
        top = each.target.partition(".")[0]
        if each.is_relative:
            to_room = top if top in ROOMS else "__init__"
            if to_room not in ROOMS.get(room, set()):
                found.append(f"{room} imports {to_room}")
            elif room == "ui" and to_room in _BELOW_API and not _is_named(each.target, BELOW_PAGES):
                found.append(f"{each.target} is not for pages: use Library or the package's public names")
            continue
        if top == "photoseek" and module != "ui.app":  # Streamlit runs that file as a script
            found.append(f"{each.target} is imported by its full name")
        allowed = SOLE_IMPORTERS.get(top, ("*",))
        if not _is_named(module, allowed):
            found.append(f"{top} is imported outside {', '.join(allowed)}")
        if top in HEAVY and each.is_immediate and not (top == "streamlit" and is_page(module)):
            found.append(f"{top} is loaded when the module is imported")
    return found + list(_talk(tree)) + list(_bad_manners(module, tree))


def _is_named(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or (name.endswith("*") and module.startswith(name[:-1])) for name in names)


def _talk(tree: ast.Module) -> Iterator[str]:
    """Complain of functions that import a talkative package with telemetry on."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        nodes = sorted((node for node in ast.walk(function) if hasattr(node, "lineno")), key=lambda node: node.lineno)
        is_off = False
        for node in nodes:
            is_off |= isinstance(node, ast.Call) and ast.unparse(node.func) == "disable_telemetry"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            told = {name.partition(".")[0] for name in names} & TALKATIVE
            if told and not is_off:
                yield f"{', '.join(told)} is imported before disable_telemetry() is called"


def _bad_manners(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield "it prints"
        reads_environment = isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            reads_environment = any(alias.name in {"environ", "getenv"} for alias in node.names)
        if reads_environment and module not in ENVIRONMENT_READERS:
            yield "it reads the environment"
        exits = isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.exit", "os._exit"}
        if (exits or (isinstance(node, ast.Name) and node.id == "SystemExit")) and not module.startswith(("cli.",)):
            yield "it ends the process"


@pytest.mark.parametrize("module", list(package_sources()))
def test_a_module_keeps_to_its_layer(module: str) -> None:
    assert complaints(module, package_sources()[module].read_text(encoding="utf-8")) == []


def test_every_folder_of_modules_is_packaged() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    folders = {".".join(["photoseek", *module.split(".")[:-1]]) for module in package_sources()}
    assert sorted(listed) == sorted(folders)


def test_every_folder_of_modules_is_a_regular_package() -> None:
    modules = package_sources()
    folders = {module.rpartition(".")[0] for module in modules}
    assert [folder for folder in sorted(folders) if f"{folder}.__init__".lstrip(".") not in modules] == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("library.x", "from ..search import engine", ["library imports search"]),
        ("library.x", "from ..api import Library", ["library imports api"]),
        ("library.vectors.x", "from ...indexer.plan import plan", ["library imports indexer"]),
        ("library.vectors.__init__", "from ...indexer.plan import plan", ["library imports indexer"]),
        ("indexer.x", "from ..search.query import Query", ["indexer imports search"]),
        ("search.x", "from .. import indexer", ["search imports indexer"]),
        ("search.x", "from .. import __all__", ["search imports __init__"]),
        ("search.x", "if TYPE_CHECKING:\n    from ..api import Library", ["search imports api"]),
        ("search.x", "def f():\n    from ..cli import main", ["search imports cli"]),
        ("api.x", "from ..cli.console import plain", ["api imports cli"]),
        ("search.x", "from ..rerank.base import Judge", ["search imports rerank"]),
        ("ui.x", "from ..cli import main", ["ui imports cli"]),
        (
            "ui.x",
            "from ..search.engine import Engine",
            ["search.engine is not for pages: use Library or the package's public names"],
        ),
        ("attic.x", "", ["attic is no room that the layers know"]),
        ("indexer.x", "from photoseek.library import types", ["photoseek.library is imported by its full name"]),
        ("search.x", "import photoseek", ["photoseek is imported by its full name"]),
        (
            "search.x",
            "import sqlalchemy.orm",
            [f"sqlalchemy is imported outside {', '.join(SOLE_IMPORTERS['sqlalchemy'])}"],
        ),
        (
            "indexer.x",
            "def f():\n    import torch",
            [f"torch is imported outside {', '.join(SOLE_IMPORTERS['torch'])}"],
        ),
        ("library.embedders.openclip.x", "import torch", ["torch is loaded when the module is imported"]),
        ("library.vectors.faiss_index", "class C:\n    import faiss", ["faiss is loaded when the module is imported"]),
        (
            "search.x",
            "def f():\n    return importlib.import_module('faiss')",
            ["faiss is imported outside library.vectors.faiss_index"],
        ),
        (
            "library.embedders.mini",
            "def f():\n    import onnxruntime\n    disable_telemetry()",
            ["onnxruntime is imported before disable_telemetry() is called"],
        ),
        (
            "rerank.llava",
            "def f():\n    from transformers.utils import cached_file",
            ["transformers is imported before disable_telemetry() is called"],
        ),
        ("search.x", "import click", ["click is imported outside cli.*"]),
        ("search.x", "import tomllib", ["tomllib is imported outside library.settings"]),
        ("cli.x", "import os\nos.environ['A']", ["it reads the environment"]),
        ("search.x", "from os import getenv", ["it reads the environment"]),
        ("cli.x", "print('hello')", ["it prints"]),
        ("ui.x", "import sys\nsys.exit(1)", ["it ends the process"]),
        ("search.x", "raise SystemExit(2)", ["it ends the process"]),
    ],
)
def test_the_checker_sees_what_must_not_be(module: str, source: str, expected: list[str]) -> None:
    assert complaints(module, source) == expected


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("library.catalog.catalog", "import sqlalchemy as sa\nfrom . import tables\nfrom ..types import Hit"),
        ("library.vectors.faiss_index", "if TYPE_CHECKING:\n    import faiss\ndef f():\n    import faiss"),
        ("library.embedders.openclip.model_source", "def f():\n    import torch"),
        ("library.settings", "import os, tomllib\nos.environ['A']"),
        ("library.telemetry", "import os\nos.environ.setdefault('A', '1')"),
        ("library.embedders.mini", "def f():\n    disable_telemetry()\n    import onnxruntime"),
        ("rerank.x", "from ..search.query.query import Query\nfrom ..library.types import Hit"),
        ("api.x", "from ..search.engine import Engine\nfrom ..indexer import plan\nfrom .handle import LibraryHandle"),
        ("cli.main", "import sys, click\nfrom ..api import Library\nfrom .console import plain\nsys.exit(1)"),
        ("ui.app", "def f():\n    import streamlit\n    from ..api import Library"),
        ("ui.x", "from .. import Hit\nfrom ..api import Library\nfrom ..library.settings import cache_folder"),
        ("__init__", "from .api import Library\nfrom .library.types import Hit"),
    ],
)
def test_the_checker_lets_through_what_may_be(module: str, source: str) -> None:
    assert complaints(module, source) == []
