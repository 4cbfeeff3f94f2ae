"""A model exported to ONNX on disk: what its manifest says, whether it is whole, and how a new one takes its place."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from ..base import ModelSpec
from ..preprocessing import Preprocessing
from .tokens import TokenRules

FORMAT = 1
"""Counts up when the exported files change their meaning, so that older ones are made again."""

MANIFEST = "manifest.json"
TOKENIZER, WORDS = "tokenizer.json", "words.txt"
IMAGE_TOWER, TEXT_TOWER = "image.onnx", "text.onnx"


_VERSION = re.compile(r"""__version__ = ['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True)
class Watched:
    """A file that the export was made from; one of another size or time means another model."""

    path: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Watched:
        """Note a file as it is now."""
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def has_changed(self) -> bool:
        """Say whether the file is another now; one that has gone is not."""
        try:
            return Watched.of(Path(self.path)) != self
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What an exported model is, enough to use it without torch and open_clip.

    `refused` says why there are no towers, and is empty where there are: an export that fails its check is not tried
    again for the same files. `files` holds each file's size in bytes and SHA-256.
    """

    open_clip: str
    precision: str
    spec: ModelSpec
    preprocessing: Preprocessing
    watched: tuple[Watched, ...]
    refused: str = ""
    tokens: TokenRules | None = None
    files: tuple[tuple[str, int, str], ...] = ()
    format: int = FORMAT

    def is_current(self, folder: Path, open_clip: str | None) -> bool:
        """Say whether the export still stands for its model and every file of it has its size.

        Args:
            folder: where the files are.
            open_clip: the version that is installed; None for none, which cannot disagree.
        """
        if self.format != FORMAT or open_clip not in {None, self.open_clip}:
            return False
        if any(watched.has_changed() for watched in self.watched):
            return False
        return all(_size_bytes(folder / name) == size_bytes for name, size_bytes, _ in self.files)


def installed_open_clip() -> str | None:
    """Return open_clip's version without importing it; None where it is not installed."""
    found = find_spec("open_clip")
    if found is None or found.origin is None:
        return None
    try:
        told = _VERSION.search(Path(found.origin).with_name("version.py").read_text(encoding="utf-8"))
    except OSError:
        told = None
    if told is not None:
        return told[1]
    from importlib import metadata  # asked second: its import takes a cold query longer than all of the above

    try:
        return metadata.version("open_clip_torch")
    except metadata.PackageNotFoundError:
        return None


def read_manifest(folder: Path) -> ExportManifest | None:
    """Read what was exported into a folder; None where nothing usable was."""
    try:
        fields = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        preprocessing = fields["preprocessing"]
        for colours in ("mean", "std"):
            preprocessing[colours] = tuple(preprocessing[colours])
        return ExportManifest(
            **{
                **fields,
                "spec": ModelSpec(**fields["spec"]),
                "preprocessing": Preprocessing(**preprocessing),
                "watched": tuple(Watched(**file) for file in fields["watched"]),
                "tokens": TokenRules(**fields["tokens"]) if fields["tokens"] else None,
                "files": tuple((str(name), int(size), str(digest)) for name, size, digest in fields["files"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # an unreadable export is made again


@contextmanager
def unpublished(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; gone again unless `publish` moved it."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def publish(draft: Path, folder: Path, manifest: ExportManifest) -> None:
    """Write the manifest, force all to disk, and let the draft take the place of what `folder` held."""
    text = json.dumps(asdict(manifest), indent=1)
    (draft / MANIFEST).write_text(text, encoding="utf-8")
    for file in draft.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    outdated = folder.with_name(f"{folder.name}.{os.getpid()}.outdated")
    shutil.rmtree(outdated, ignore_errors=True)
    if folder.exists():
        folder.rename(outdated)
    draft.rename(folder)
    shutil.rmtree(outdated, ignore_errors=True)


def inventory(folder: Path, names: Iterable[str]) -> tuple[tuple[str, int, str], ...]:
    """Return name, size in bytes and SHA-256 of files in a folder."""
    found: list[tuple[str, int, str]] = []
    for name in names:
        with (folder / name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found.append((name, (folder / name).stat().st_size, digest))
    return tuple(found)


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
