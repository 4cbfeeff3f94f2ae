"""The built wheel: the package, all of it, and nothing beside it."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from photoseek.tests.support.source_tree import ROOT, is_beside, package_sources

DATA = (
    *("schema.sql", "py.typed", "search/vocabularies/*", "ui/assets/*"),
    *("library/embedders/weights/mini/*.*", "library/embedders/weights/mini/multilingual/*"),
)
LARGEST_BYTES = 65_000_000

_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
_USE = """
import pathlib, sys
import photoseek
from photoseek.library.catalog.catalog.database import schema_statements
from photoseek.library.embedders.registry import load_embedder
from photoseek.search.describe import Vocabulary
assert pathlib.Path(photoseek.__file__).is_relative_to(sys.argv[1]), photoseek.__file__
assert len(schema_statements("sqlite")) > 10
assert len(Vocabulary.imagenet().labels) > 900
assert load_embedder("mini").spec.dim > 0
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the working tree, so that building leaves nothing in the tree itself."""
    source, built = tmp_path_factory.mktemp("source") / "clone", tmp_path_factory.mktemp("wheel")

    def not_copied(folder: str, names: list[str]) -> set[str]:
        if Path(folder) != ROOT:
            return {"__pycache__"} & set(names)
        # What a fresh clone would not have; the folders beside the package come along, and must be left out.
        beside = {name for name in names if (ROOT / name).is_dir() and is_beside(ROOT / name)}
        return beside - {"benchmarks", "docs", "tests", "training"}

    shutil.copytree(ROOT, source, ignore=not_copied)
    command = [sys.executable, "-c", _BUILD, str(built)]
    run = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    [path] = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_photoseek_alone(wheel: Path, names: set[str]) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert wheel.name == f"photoseek-{version}-py3-none-any.whl"
    assert {name.split("/")[0] for name in names} == {"photoseek", f"photoseek-{version}.dist-info"}


def test_the_wheel_holds_every_module_and_every_data_file_and_no_more(names: set[str]) -> None:
    files = [*package_sources().values(), *(file for pattern in DATA for file in ROOT.glob(pattern))]
    expected = {f"photoseek/{file.relative_to(ROOT).as_posix()}" for file in files}
    assert {name for name in names if name.startswith("photoseek/")} == expected


def test_the_wheel_holds_the_schema_the_weights_and_the_vocabulary(names: set[str]) -> None:
    assert {"photoseek/schema.sql", "photoseek/py.typed", "photoseek/search/vocabularies/imagenet.txt"} <= names
    weights = {name.rpartition("/")[2] for name in names if "/weights/mini/" in name}
    assert {"image_tower.onnx", "text_tower.onnx", "tokenizer.json"} <= weights


def test_the_wheel_is_small_enough_to_be_the_base_install(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_BYTES


def test_the_wheel_names_its_licence_its_command_and_no_heavy_requirement(wheel: Path, names: set[str]) -> None:
    [metadata_name] = [name for name in names if name.endswith(".dist-info/METADATA")]
    folder = metadata_name.rpartition("/")[0]
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(metadata_name))
        commands = archive.read(f"{folder}/entry_points.txt").decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {f"{folder}/licenses/LICENSE", f"{folder}/licenses/NOTICE"} <= names
    assert "photoseek = photoseek.cli.main:main" in commands
    always = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert [each for each in always if each.startswith(("torch", "open_clip", "streamlit", "transformers"))] == []


def test_what_the_wheel_holds_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, sys.argv[1])\n{_USE}", str(tmp_path / "site")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
