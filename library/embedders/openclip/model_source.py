"""What an open_clip model's name says, the files and configuration it stands for, and the key that pins them.

The open_clip module comes as an argument, since torch_model.py alone imports it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ...errors import ModelUnavailable, UnknownModel
from ..hub import cached_first, one_line
from ..preprocessing import Preprocessing

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


DEFAULT_IMAGE_SIZE = 224
DEFAULT_TEXT_LIMIT = 77
"""What open_clip assumes where a model's configuration does not say."""

PINNED_PREPROCESSING = ("size", "mean", "std", "interpolation", "resize_mode", "fill_color")

CONFIG_FILE = "open_clip_config.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model's configuration says: enough to preprocess, nothing that needs the weights.

    `text_limit` is in tokens, their marks included. `quick_gelu` is the activation that the weights were trained with.
    """

    preprocess_cfg: Mapping[str, object]
    dim: int
    image_size: int
    text_limit: int
    quick_gelu: bool
    preprocessing: Preprocessing

    def pinned(self) -> dict[str, object]:
        """Return what changes a vector beside the weights.

        Named one by one, so that a later open_clip with more settings leaves every library's key as it is.
        """
        preprocessing = {key: self.preprocess_cfg.get(key) for key in PINNED_PREPROCESSING}
        return {**preprocessing, "quick_gelu": self.quick_gelu, "text_limit": self.text_limit}


def read_recipe(name: OpenClipName, open_clip: ModuleType) -> Recipe:
    """Read a model's configuration, from open_clip, the hub or a folder.

    Raises:
        UnknownModel: open_clip has no such architecture or pretrained tag.
        ModelUnavailable: the configuration cannot be had, or makes no sense.
    """
    model_cfg, overrides = _read_config(name, open_clip)
    transform = open_clip.transform
    try:
        vision, text = _section(model_cfg, "vision_cfg"), _section(model_cfg, "text_cfg")
        image_size = _square_side(vision.get("image_size", DEFAULT_IMAGE_SIZE))
        preprocess_cfg: dict[str, object] = transform.merge_preprocess_dict(
            transform.PreprocessCfg(), {**overrides, "size": image_size}
        )
        return Recipe(
            preprocess_cfg=preprocess_cfg,
            dim=_integer(model_cfg["embed_dim"]),
            image_size=image_size,
            text_limit=_integer(text.get("context_length", DEFAULT_TEXT_LIMIT)),
            quick_gelu=bool(model_cfg.get("quick_gelu", False)),
            preprocessing=_preprocessing(preprocess_cfg, image_size),
        )
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        reason = f"photoseek cannot run its configuration ({type(error).__name__}: {one_line(error)})"
        raise ModelUnavailable(name.text, reason, "choose another model, or get its files again") from error


def find_weights(name: OpenClipName, open_clip: ModuleType) -> tuple[Path, ...]:
    """Return the files of a model's weights, fetched from the hub where they are not here yet.

    A folder gives every file that open_clip could choose from, so that a change to any shows in the key.

    Raises:
        ModelUnavailable: there are none, or the hub does not give them.
    """
    if name.checkpoint:
        if not name.checkpoint.is_file():
            raise ModelUnavailable(name.text, f"there is no file {name.checkpoint}", "check the checkpoint's path")
        return (name.checkpoint,)
    if name.folder:
        found = sorted(path for path in name.folder.glob("*") if path.suffix in {".safetensors", ".bin", ".pth"})
        if not found:
            raise ModelUnavailable(name.text, f"{name.folder} holds no weights", "name a folder saved by open_clip")
        return tuple(found)

    def fetch() -> Path:
        if name.repository:
            return Path(open_clip.pretrained.download_pretrained_from_hf(name.repository))
        return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name.architecture, name.tag)))

    return (cached_first(name.text, fetch),)


def source_of(name: OpenClipName, open_clip: ModuleType) -> str:
    """Return where a model's weights come from: a page of the hub, another address, or a local path."""
    if name.checkpoint or name.folder:
        return str(name.checkpoint or name.folder)
    if name.repository:
        return f"https://huggingface.co/{name.repository}"
    pretrained: dict[str, object] = open_clip.get_pretrained_cfg(name.architecture, name.tag)
    repository = "/".join(str(pretrained.get("hf_hub", "")).split("/")[:2])
    return f"https://huggingface.co/{repository}" if repository else str(pretrained.get("url", "open_clip"))


def _read_config(name: OpenClipName, open_clip: ModuleType) -> tuple[dict[str, object], dict[str, object]]:
    """Return the model's configuration and what it overrides of open_clip's preprocessing."""
    if not name.architecture:
        return _read_config_file(name, open_clip)
    model_cfg: dict[str, object] | None = open_clip.get_model_config(name.architecture)
    pretrained: dict[str, object] = open_clip.get_pretrained_cfg(name.architecture, name.tag) if name.tag else {}
    if model_cfg is None or (name.tag and not pretrained):
        raise UnknownModel(name.text, _suggestion(name, open_clip))
    if pretrained.get("quick_gelu"):
        # Weights trained with QuickGELU need it; open_clip only warns when they are named without it.
        model_cfg["quick_gelu"] = True
    return model_cfg, pretrained


def _read_config_file(name: OpenClipName, open_clip: ModuleType) -> tuple[dict[str, object], dict[str, object]]:
    def fetch() -> Path:
        return Path(open_clip.pretrained.download_pretrained_from_hf(name.repository, filename=CONFIG_FILE))

    path = name.folder / CONFIG_FILE if name.folder else cached_first(name.text, fetch)
    try:
        config: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
        return config["model_cfg"], config.get("preprocess_cfg", {})
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = f"{path} is not a model's configuration ({type(error).__name__}: {one_line(error)})"
        raise ModelUnavailable(name.text, reason, "name a folder or repository saved by open_clip") from error


def _suggestion(name: OpenClipName, open_clip: ModuleType) -> str:
    tags: list[str] = open_clip.list_pretrained_tags_by_model(name.architecture)
    if tags:
        return f"open_clip has {name.architecture} with {', '.join(tags)}"
    known = [f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained()]
    architectures: list[str] = open_clip.list_models()
    wanted, candidates = (name.text, known) if name.tag else (name.architecture, architectures)
    close = get_close_matches(wanted, candidates, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "open_clip.list_pretrained() lists what it has"
    return f"open_clip has no such architecture; {hint}"


def _preprocessing(preprocess_cfg: Mapping[str, object], image_size: int) -> Preprocessing:
    return Preprocessing(
        size=image_size,
        mean=_colour(preprocess_cfg["mean"]),
        std=_colour(preprocess_cfg["std"]),
        # Like open_clip, which takes its default for an empty word.
        interpolation=str(preprocess_cfg["interpolation"] or "bicubic"),
        resize_mode=str(preprocess_cfg["resize_mode"] or "shortest"),
        fill_color=_integer(preprocess_cfg["fill_color"]),
    )


def _colour(value: object) -> tuple[float, float, float]:
    """Read red, green and blue, or one number for all three."""
    channels = tuple(value) if isinstance(value, list | tuple) else (value,) * 3
    red, green, blue = (float(channel) for channel in channels)
    return red, green, blue


def _section(model_cfg: Mapping[str, object], key: str) -> dict[str, object]:
    section = model_cfg[key]
    if not isinstance(section, dict):
        raise TypeError(f"{key} is not an object")
    return section


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _square_side(size: object) -> int:
    if not isinstance(size, list | tuple):
        return _integer(size)
    if len(set(size)) != 1:
        raise ValueError(f"its images of {size} pixels are not square")
    return _integer(size[0])
