"""Models in the form that transformers saves: where one lies, which revision it is, and how large."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeVar

from ..library.embedders.hub import cached_first, one_line
from ..library.embedders.openclip.model_source import file_sha256
from ..library.errors import EmbedderError, ModelUnavailable
from ..library.telemetry import disable_telemetry

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

T = TypeVar("T")

_HASHED: Final = frozenset({".json", ".jinja", ".safetensors", ".bin", ".model", ".txt"})
_ELSEWHERE: Final = (
    "download it on a machine that can and name its folder, or set HF_HOME to a cache that holds it, "
    "or name a server's URL"
)
_INSTALL: Final = "install it with `pip install 'photoseek[llava]'`"


def transformers_of(model: str) -> ModuleType:
    """Import transformers with torch.

    Raises:
        ModelUnavailable: one of them is not installed.
    """
    disable_telemetry()
    try:
        import torch  # noqa: F401 - transformers imports without it, and then has no models
        import transformers
    except ImportError as error:
        raise ModelUnavailable(model, f"transformers is not installed ({one_line(error)})", _INSTALL) from error
    module: ModuleType = transformers
    return module


def fetched(model: str, step: Callable[[], T]) -> T:
    """Run a step that reads a model's files: from its folder, or from the hub's cache and then the hub.

    Raises:
        ModelUnavailable: they cannot be had, or make no sense.
    """
    attempts = 0

    def attempt() -> T:
        # Files that are here load in seconds, without a bar on the terminal; a download, the second attempt, shows one.
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            return step()
        with _without_bars():
            return step()

    try:
        return attempt() if _folder(model) is not None else cached_first(model, attempt, _ELSEWHERE)
    except EmbedderError:
        raise
    except ImportError as error:
        raise ModelUnavailable(model, f"it needs a package ({one_line(error)})", "install that package") from error
    except Exception as error:  # files of arbitrary contents make transformers raise anything
        reason = f"its files cannot be read ({type(error).__name__}: {one_line(error)})"
        remedy = "name an image-text-to-text model that this version of transformers knows, or get its files again"
        raise ModelUnavailable(model, reason, remedy) from error


@contextmanager
def _without_bars() -> Iterator[None]:
    disable_telemetry()
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if before:
            transformers_logging.enable_progress_bar()


def revision_of(model: str) -> str:
    """Return what pins a model's files: the hub's commit, or a hash of a local folder's files; 12 characters.

    Raises:
        ModelUnavailable: there are no such files.
    """
    folder = _folder(model)
    if folder is None:
        disable_telemetry()
        from transformers.utils import cached_file

        # The hub's cache keeps each commit's files in a folder of its name.
        return Path(fetched(model, lambda: str(cached_file(model, "config.json")))).parent.name[:12]
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in _HASHED and path.is_file())
        lines = [f"{path.name} {file_sha256(path)}" for path in files]
    except OSError as error:
        raise ModelUnavailable(model, one_line(error), "check the folder's permissions") from error
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def source_name(model: str) -> str:
    """Return the name to load by: a folder's path, its home folder resolved, or the hub's OWNER/NAME."""
    folder = _folder(model)
    return model if folder is None else str(folder)


def _folder(model: str) -> Path | None:
    """Return the folder that a name means, None where it means a model of the hub.

    Raises:
        ModelUnavailable: it reads like a path, and nothing is there.
    """
    try:
        path = Path(model).expanduser()
    except RuntimeError as error:
        raise ModelUnavailable(model, "its home folder is not known", "write the path out") from error
    if path.is_dir():
        return path.absolute()
    if model.startswith((".", "~")) or path.is_absolute() or model.count("/") != 1:
        raise ModelUnavailable(
            model, "there is no such folder", "name a folder saved by transformers, or a model of the hub as OWNER/NAME"
        )
    return None


def parameter_count(model: str, build: Callable[[PretrainedConfig], PreTrainedModel]) -> int:
    """Count a model's parameters without making them: `build` makes it of its configuration, on no device.

    Raises:
        ModelUnavailable: its configuration cannot be had, or makes no sense.
    """
    import torch

    config = read_config(model)

    def count() -> int:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in build(config).parameters())

    return fetched(model, count)


def read_config(model: str) -> PretrainedConfig:
    """Read a model's configuration.

    Raises:
        ModelUnavailable: it cannot be had, or makes no sense.
    """
    transformers = transformers_of(model)
    # Told not to trust code that comes with a model, transformers does not ask the terminal whether it may.
    return fetched(model, lambda: transformers.AutoConfig.from_pretrained(source_name(model), trust_remote_code=False))
