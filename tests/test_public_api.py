"""The public names, and what importing them must not do."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import photoseek
from photoseek.library import errors
from photoseek.tests.support.source_tree import package_sources
from photoseek.tests.test_layering import is_page

PUBLIC = [
    "Address",
    "AddressRefused",
    "Box",
    "CaptionOptions",
    "CaptionReport",
    "CaptionStyle",
    "Captioner",
    "CatalogUnavailable",
    "Chance",
    "Classified",
    "Cluster",
    "Damage",
    "DimensionMismatch",
    "DuplicateGroup",
    "DuplicateOptions",
    "EmbedderError",
    "EmptyPath",
    "Evaluation",
    "EvaluationError",
    "ExportFailed",
    "Failure",
    "FilterError",
    "Finding",
    "FolderNotFound",
    "FolderUnusable",
    "FusionFit",
    "Hit",
    "ImageDetail",
    "ImageRecord",
    "ImageText",
    "ImageUnreadable",
    "IndexOptions",
    "IndexReport",
    "Judge",
    "JudgeSpec",
    "Judgement",
    "Kept",
    "KnownImage",
    "Label",
    "Library",
    "LibraryClosed",
    "LibraryError",
    "LibraryInfo",
    "LibraryLocked",
    "LibraryMap",
    "LibraryNotFound",
    "LibraryReadOnly",
    "LibraryTooNew",
    "MapOptions",
    "ModelInfo",
    "ModelMismatch",
    "ModelUnavailable",
    "NoAnswer",
    "NoVisionModel",
    "NotIndexed",
    "NothingIndexed",
    "Pace",
    "PhotoseekError",
    "Picture",
    "Progress",
    "Query",
    "QueryError",
    "RemoteError",
    "RemoteLibrary",
    "RemoteRanking",
    "Removed",
    "RerankResult",
    "RerankedHit",
    "RootEmptied",
    "SettingsError",
    "Skipped",
    "Sort",
    "Stack",
    "Term",
    "TextHit",
    "TextSearch",
    "UnknownModel",
    "VerifyOptions",
    "VerifyReport",
    "VisionLanguageModel",
    "WatchOptions",
    "WatchReport",
    "Words",
    "connect",
    "open",
    "parse_filter",
    "parse_terms",
]

LIBRARY_MEMBERS = [
    "ask",
    "cache",
    "can_ask",
    "can_caption",
    "caption",
    "caption_of",
    "check_targets",
    "classify",
    "clear_cache",
    "close",
    "compact",
    "count",
    "damages",
    "describe",
    "doctor",
    "duplicates",
    "embed_images",
    "embed_texts",
    "evaluate",
    "export_csv",
    "export_html",
    "export_npy",
    "export_parquet",
    "export_sheet",
    "facets",
    "failed_roots",
    "failures",
    "fold",
    "folder",
    "images",
    "index",
    "index_lag",
    "info",
    "is_read_only",
    "judge_spec",
    "labels",
    "map",
    "model_key",
    "nearest",
    "newest",
    "original",
    "prune",
    "refine",
    "remove",
    "roots",
    "search",
    "search_many",
    "show",
    "stream",
    "texts",
    "tune",
    "verify",
    "version",
    "watch",
    "would_remove",
]

HEAVY = [
    "faiss",
    "huggingface_hub",
    "onnxruntime",
    "open_clip",
    "streamlit",
    "timm",
    "tokenizers",
    "torch",
    "transformers",
]

_IMPORT_AND_TELL = """
import importlib, json, logging, os, sys, threading
before = dict(os.environ), os.getcwd()
for name in sys.argv[1:]:
    importlib.import_module(name)
assert (dict(os.environ), os.getcwd()) == before
assert logging.getLogger().handlers == []
assert threading.active_count() == 1
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by_importing(names: list[str], home: Path) -> set[str]:
    """Import modules in a process of their own and return the packages that this loaded."""
    environ = os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", _IMPORT_AND_TELL, *names]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=home, env=environ)
    assert run.stderr == ""
    return set(json.loads(run.stdout))  # and nothing but the answer was printed


def test_the_public_names_are_these() -> None:
    assert photoseek.__all__ == PUBLIC
    assert [name for name in PUBLIC if not hasattr(photoseek, name)] == []


def test_the_members_of_a_library_are_these() -> None:
    assert [name for name in dir(photoseek.Library) if not name.startswith("_")] == LIBRARY_MEMBERS


@pytest.mark.parametrize("name", LIBRARY_MEMBERS)
def test_a_member_of_a_library_says_what_it_is(name: str) -> None:
    assert inspect.getattr_static(photoseek.Library, name).__doc__


@pytest.mark.parametrize(
    ("old", "new"), [("RefinedHit", "RerankedHit"), ("Refinement", "RerankResult"), ("Tuning", "FusionFit")]
)
def test_a_renamed_public_name_still_works_and_warns(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"photoseek.{new}"):
        assert getattr(photoseek, old) is getattr(photoseek, new)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_is(name: str) -> None:
    value = getattr(photoseek, name)
    # A dataclass without a docstring of its own gets its signature for one.
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}(")
    if not inspect.isclass(value):
        return
    assert value.__doc__ not in {base.__doc__ for base in value.__mro__[1:]}
    public = {member: each for member, each in vars(value).items() if not member.startswith("_")}
    callables = {
        member: each for member, each in public.items() if inspect.isroutine(each) or isinstance(each, property)
    }
    assert [member for member, each in callables.items() if not each.__doc__] == []


def test_every_error_raised_on_purpose_can_be_caught_as_one() -> None:
    modules = [import_module(f"{errors.__name__}.{module.name}") for module in iter_modules(errors.__path__)]
    every = [value for module in modules for value in vars(module).values() if inspect.isclass(value)]
    every = [value for value in dict.fromkeys(every) if value.__module__.startswith(errors.__name__)]
    assert sorted(error.__name__ for error in every) == errors.__all__
    assert [error for error in every if getattr(errors, error.__name__) is not error] == []
    assert [error for error in every if not issubclass(error, photoseek.PhotoseekError)] == []
    drawn = (errors.__doc__ or "").split()
    assert [error.__name__ for error in every if error.__name__ not in drawn] == []


def test_importing_photoseek_loads_nothing_heavy_and_leaves_no_trace(tmp_path: Path) -> None:
    loaded = loaded_by_importing(["photoseek"], tmp_path)
    assert "photoseek" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_api_does_not_wait_for_sqlalchemy(tmp_path: Path) -> None:
    assert "sqlalchemy" not in loaded_by_importing(["photoseek.api"], tmp_path)


def test_importing_any_module_loads_nothing_heavy_and_leaves_no_trace(tmp_path: Path) -> None:
    ours = [module for module in package_sources() if not is_page(module)]
    names = [f"photoseek.{module}".removesuffix(".__init__") for module in ours]
    assert len(names) > 30
    assert loaded_by_importing(names, tmp_path).isdisjoint(HEAVY)
    assert list(tmp_path.iterdir()) == []


def test_opening_touches_nothing(tmp_path: Path) -> None:
    with photoseek.open(tmp_path / "new.library") as library:
        assert library.folder == tmp_path / "new.library"
        with pytest.raises(photoseek.LibraryNotFound):
            library.info()
    assert list(tmp_path.iterdir()) == []
