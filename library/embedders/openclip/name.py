"""What an open_clip model's name says, and the key that pins what it turned out to be."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...errors import UnknownModel

HUB_PREFIX = "hf-hub:"
FOLDER_PREFIX = "local-dir:"

_HUB_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OpenClipName:
    """A parsed name; exactly one of `tag`, `checkpoint`, `repository` and `folder` says where the weights are.

    `text` is the name in the form that means the same from any working folder. `architecture` is one
    of open_clip's, and empty for a repository or folder, which bring their own.
    """

    text: str
    architecture: str = ""
    tag: str = ""
    checkpoint: Path | None = None
    repository: str = ""
    folder: Path | None = None


def parse(name: str) -> OpenClipName:
    """Read NAME/PRETRAINED, NAME//path/to/checkpoint, hf-hub:OWNER/REPOSITORY or local-dir:FOLDER.

    A checkpoint's path is looked up in the working folder, then from the root: `NAME` + `//` + path and
    `NAME/` + absolute path both say what they mean.

    Raises:
        UnknownModel: a part is empty.
    """
    if name.startswith(HUB_PREFIX) and "/" in name:
        return OpenClipName(name, repository=name.removeprefix(HUB_PREFIX))
    if name.startswith(FOLDER_PREFIX) and name != FOLDER_PREFIX:
        folder = Path(name.removeprefix(FOLDER_PREFIX)).expanduser().absolute()
        return OpenClipName(f"{FOLDER_PREFIX}{folder}", folder=folder)
    architecture, slashes, path = name.partition("//")
    if slashes and architecture and path:
        checkpoint = _checkpoint_path(path)
        return OpenClipName(f"{architecture}//{checkpoint}", _cleaned(architecture), checkpoint=checkpoint)
    architecture, _, tag = name.rpartition("/")
    if slashes or not architecture or not tag:
        raise UnknownModel(name, "an open_clip model is named NAME/PRETRAINED, such as ViT-B-32/laion2b_s34b_b79k")
    return OpenClipName(name, _cleaned(architecture), tag=tag)


def model_key(label: str, weight_files: Sequence[Path], recipe: Mapping[str, object], dim: int) -> str:
    """Return the key of a model: its label, its weights' hash, its recipe's hash and its dimensions.

    Args:
        label: the architecture, repository or folder, for people.
        weight_files: the checkpoint, or every checkpoint in a folder.
        recipe: all else that changes a vector, the preprocessing among it; made of JSON's types.
        dim: the vectors' length.

    Returns:
        Letters, digits, dots and hyphens alone, so that it can name a folder.
    """
    weights = hashlib.sha256("".join(file_sha256(path) for path in weight_files).encode()).hexdigest()
    recipe_hash = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")
    return f"{slug}-w{weights[:16]}-p{recipe_hash[:8]}-{dim}d"


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hex; read once per process, or never where the hub's cache is named by it."""
    resolved = path.resolve()
    if resolved.parent.name == "blobs" and _HUB_BLOB.fullmatch(resolved.name):
        return resolved.name
    stat = resolved.stat()
    return _sha256(resolved, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checkpoint_path(path: str) -> Path:
    from_here = Path(path).expanduser().absolute()
    from_root = Path("/") / path
    return from_root if from_root.is_file() and not from_here.is_file() else from_here


def _cleaned(architecture: str) -> str:
    """ViT-B/32, as the papers write it, is ViT-B-32 to open_clip."""
    return architecture.replace("/", "-")
