"""What is kept to spare work, by kind and model: how much of it there is, and how it is let go."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from .embedders.openclip.onnx_model import read_manifest

KeptKind: TypeAlias = Literal[
    "judgements", "answers", "places", "maps", "calibration", "labels", "thumbnails", "towers"
]
KINDS: Final[tuple[KeptKind, ...]] = get_args(KeptKind)

THUMBNAILS_NAME: Final = "thumbnails"
TOWERS_NAME: Final = "open_clip"
LIBRARIES_NAME: Final = "libraries"


@dataclass(frozen=True, slots=True)
class Kept:
    """Some things that are kept: `count` of one kind and, where they are a model's, of one model.

    `size_bytes` is what they take on the disk, in a database about so much.
    """

    kind: KeptKind
    model: str
    count: int
    size_bytes: int

    def is_of(self, model: str | None) -> bool:
        """Whether it is of the model that is named, by its key or the name in it; None is any."""
        return model is None or model in {self.model, self.model.partition("@")[0], self.model.rpartition("#")[2]}


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """Files or folders that are let go together."""

    kept: Kept
    paths: tuple[Path, ...]

    def remove(self) -> None:
        """Remove them; what resists stays."""
        for path in self.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()


def kept_in_cache(cache: Path) -> Iterator[KeptFiles]:
    """Yield what the user's cache holds for all libraries: labels' vectors, thumbnails, exported towers."""
    yield from _group("labels", sorted(cache.glob("labels-*")))
    yield from _group("thumbnails", sorted((cache / THUMBNAILS_NAME).glob("??")))
    for folder in sorted((cache / TOWERS_NAME).glob("*")):
        if folder.is_dir() and ".unfinished" not in folder.name:
            manifest = read_manifest(folder)
            yield from _group("towers", [folder], "" if manifest is None else manifest.spec.key)


def kept_in_library(folders: Iterable[tuple[KeptKind, Path]]) -> Iterator[KeptFiles]:
    """Yield what is kept in folders of one library, each with what lies there."""
    for kind, folder in folders:
        yield from _group(kind, sorted(folder.glob("*.npz")))


def _group(kind: KeptKind, paths: list[Path], model: str = "") -> Iterator[KeptFiles]:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    sizes = [_size_bytes(file) for file in files]
    count = len(paths) if kind == "towers" else sum(1 for size in sizes if size)
    if paths:
        yield KeptFiles(Kept(kind, model, count, sum(sizes)), tuple(paths))


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0
