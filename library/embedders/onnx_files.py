"""A model's files on disk: ONNX sessions with our settings, tokenizers, and one line for a file that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import ModelUnavailable
from ..telemetry import disable_telemetry
from .base import first_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Refusal: TypeAlias = Callable[[str], ModelUnavailable]
"""From what is wrong with a file, its path first, to the error that says so and what to do."""

_UNREADABLE = (OSError, ValueError, TypeError, KeyError)
"""What readers of JSON, of NumPy's files and of text raise; a field that is missing or unknown is a TypeError."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a graph is run.

    `optimized` says how far ONNX Runtime rewrites a graph as it loads it: a graph that was written optimised needs
    nothing more. Without `prepacked`, weights stay as they lie in the file, which is quicker where each is used once.
    """

    threads: int = 1
    optimized: Literal["all", "basic", "none"] = "all"
    prepacked: bool = True


def damaged_installation(reason: str) -> ModelUnavailable:
    """The error for a file that comes with the package."""
    return ModelUnavailable("mini", reason, "the installation is damaged: reinstall photoseek")


@contextmanager
def reading(path: Path, refuse: Refusal = damaged_installation) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one line that names it.

    Raises:
        ModelUnavailable: it is missing, or not what it should be.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise refuse(f"{path} cannot be read ({first_line(error)})") from error


def load_session(
    path: Path, settings: SessionSettings | None = None, refuse: Refusal = damaged_installation
) -> InferenceSession:
    """Load a graph for the processor; ONNX Runtime tells nobody of it, and warns of nothing.

    Raises:
        ModelUnavailable: the file is missing, or no graph that this ONNX Runtime knows.
    """
    disable_telemetry()
    import onnxruntime

    settings = settings or SessionSettings()
    level = onnxruntime.GraphOptimizationLevel
    levels = {"all": level.ORT_ENABLE_ALL, "basic": level.ORT_ENABLE_BASIC, "none": level.ORT_DISABLE_ALL}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: a warning on stderr is not ours to print
    options.intra_op_num_threads = settings.threads
    options.graph_optimization_level = levels[settings.optimized]
    if not settings.prepacked:
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes share no base but this
        raise refuse(f"{path} cannot be loaded ({first_line(error)})") from error


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer that comes with the package; it neither pads nor cuts, whatever its file says.

    Raises:
        ModelUnavailable: the file is missing or broken.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise damaged_installation(f"{path} cannot be loaded ({first_line(error)})") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
