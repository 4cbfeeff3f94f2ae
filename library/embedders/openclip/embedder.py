"""An open_clip model where there is no CUDA: on ONNX Runtime, exported at first use, and in torch where that fails."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from ...types import Pixels, Vectors
from ..base import Embedder, ModelSpec
from ..hub import one_line
from .model_source import parse
from .onnx_model import MANIFEST, BrokenExport, ExportManifest, OnnxEmbedder, installed_open_clip, read_manifest

if TYPE_CHECKING:
    from PIL import Image

    from ..preprocessing import Preprocessing
    from .torch_model import TorchOpenClip

logger = logging.getLogger(__name__)

INT8_SUFFIX = "@int8"
"""Behind a model's name: its 8-bit form, two to three times as fast on a CPU, in a vector space of its own."""

_DRIVER = Path("/proc/driver/nvidia/version")


def may_have_cuda() -> bool:
    """Say whether asking torch for CUDA could be worth its import: there is a driver, or no telling."""
    return _DRIVER.exists() if sys.platform == "linux" else sys.platform == "win32"


class OpenClipEmbedder:
    """The Embedder of an open_clip model by its name, which may end in `@int8`.

    Construction is cheap. First use exports the model into the cache, which takes a minute and torch; later uses
    take neither. On a machine with CUDA it is the model in torch, unless int8 was asked for.

    Args:
        name: as `openclip_name.parse` reads it.
        cache: where exported models are kept.
        threads: processor threads for pictures; None takes every core.
    """

    def __init__(self, name: str, cache: Path, threads: int | None = None) -> None:
        self._precision = "int8" if name.endswith(INT8_SUFFIX) else "fp32"
        self._name = parse(name.removesuffix(INT8_SUFFIX))
        label = f"{self._name.text} {self._precision}"
        self._folder = cache / hashlib.sha256(label.encode()).hexdigest()[:24]
        self._threads = threads
        self._lock = RLock()
        self._known: OnnxEmbedder | TorchOpenClip | None = None

    @property
    def spec(self) -> ModelSpec:
        """The model's identity; exports it where that was not done before.

        Raises:
            UnknownModel: open_clip has no such architecture or pretrained tag.
            ModelUnavailable: open_clip or the weights cannot be had.
        """
        return self._chosen().spec

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes pixels, as a value that other processes can use."""
        chosen = self._chosen()
        return chosen.preprocessing if isinstance(chosen, OnnxEmbedder) else chosen.recipe().preprocessing

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop one RGB image to (image_size, image_size, 3) uint8 as open_clip does; thread-safe."""
        return self._chosen().preprocess(image)

    def prepare_images(self) -> None:
        """Load the image tower now; in torch, all of the model."""
        chosen = self._chosen()
        if isinstance(chosen, OnnxEmbedder):
            chosen.prepare_images()
        else:
            chosen.load()

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed (n, image_size, image_size, 3) uint8 pixels into (n, dim) L2-normalised float32."""
        return self._whole(lambda embedder: embedder.embed_images(pixels))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts of any length into (n, dim) L2-normalised float32; a long one is the mean of its parts."""
        return self._whole(lambda embedder: embedder.embed_texts(texts))

    def _chosen(self) -> OnnxEmbedder | TorchOpenClip:
        with self._lock:
            if self._known is None:
                self._known = self._choose()
            return self._known

    def _choose(self) -> OnnxEmbedder | TorchOpenClip:
        if self._precision == "fp32" and may_have_cuda() and _has_cuda():
            from .torch_model import TorchOpenClip

            return TorchOpenClip(self._name.text)
        manifest = self._current()
        if manifest is None:
            in_torch = self._in_torch()
            manifest = self._export(in_torch)
            if manifest is None:
                return in_torch
        if manifest.refused:
            return self._in_torch()
        return OnnxEmbedder(self._folder, manifest, self._threads)

    def _in_torch(self) -> TorchOpenClip:
        from .torch_model import OpenClipOptions, TorchOpenClip  # what is exported does without

        return TorchOpenClip(self._name.text, OpenClipOptions("cpu", "fp32"))

    def _whole(self, embed: Callable[[Embedder], Vectors]) -> Vectors:
        """Embed; where the export turns out to be damaged, make it again first."""
        try:
            return embed(self._chosen())
        except BrokenExport as broken:
            logger.warning("%s: exporting it again", broken)
        with self._lock:
            (self._folder / MANIFEST).unlink(missing_ok=True)
            self._known = None
        return embed(self._chosen())

    def _current(self) -> ExportManifest | None:
        """Return what the cache holds of the model, None where that is nothing or outdated."""
        if self._name.checkpoint and not self._name.checkpoint.is_file():
            return None
        manifest = read_manifest(self._folder)
        return manifest if manifest and manifest.is_current(self._folder, installed_open_clip()) else None

    def _export(self, in_torch: TorchOpenClip) -> ExportManifest | None:
        """Export the model, once for all processes that ask at the same time; None where the cache can't take it."""
        from filelock import FileLock

        from .export import export

        _ = in_torch.spec  # a wrong name or an absent model fails here, before anything is written
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder.with_suffix(".lock")):
                manifest = self._current()
                if manifest is not None:
                    return manifest
                logger.warning("preparing %s for this processor, once; this takes about a minute", self._name.text)
                manifest = export(self._name, in_torch, self._precision, self._folder)
        except OSError as error:
            logger.warning(
                "%s runs in torch: it cannot be kept in %s (%s)", self._name.text, self._folder, one_line(error)
            )
            return None
        if manifest.refused:
            logger.warning("%s runs in torch, more slowly: %s", self._name.text, manifest.refused)
        return manifest


def _has_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
