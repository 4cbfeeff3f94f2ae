"""Any open_clip model as an embedder: the one module that imports torch and open_clip, and only when it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbedderError, ModelUnavailable
from ...telemetry import disable_telemetry
from ...types import Pixels, Vectors
from ..base import ModelSpec, normalized
from ..hub import cached_first, one_line
from ..long_text import embed_long
from ..preprocessing import Preprocessing
from .model_source import OpenClipName, Recipe, find_weights, model_key, parse, read_recipe, source_of

if TYPE_CHECKING:
    import torch
    from PIL import Image

TEXTS_PER_BATCH = 256
"""Texts encoded at once: the vocabulary of `describe`, times its templates, would not fit in memory whole."""

PRECISIONS = ("fp32", "fp16", "bf16")

BFLOAT16_CAPABILITY = 8
"""CUDA compute capability, the major number, from which bfloat16 runs in hardware (Ampere)."""


@dataclass(frozen=True, slots=True)
class OpenClipOptions:
    """Where and how a model runs.

    `device` is `auto` (CUDA when there is one) or any of torch's names: `cpu`, `cuda`, `cuda:1`, `mps`.
    `precision` is `auto` (half on CUDA, else single), `fp32`, `fp16` or `bf16`. `compile` runs the image
    tower through torch.compile: minutes at the first batch, faster ones after it.
    """

    device: str = "auto"
    precision: str = "auto"
    compile: bool = False


def choose_device(wanted: str, *, has_cuda: bool) -> str:
    """Resolve `auto` to a device of this machine; any other name stands."""
    if wanted == "auto":
        return "cuda" if has_cuda else "cpu"
    return wanted


def choose_precision(wanted: str, device: str, capability_major: int) -> str:
    """Resolve `auto` to `bf16` on CUDA that has it, `fp16` on older CUDA, `fp32` elsewhere."""
    if wanted != "auto":
        return wanted
    if not device.startswith("cuda"):
        return "fp32"
    return "bf16" if capability_major >= BFLOAT16_CAPABILITY else "fp16"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model on its device, ready to encode."""

    model: torch.nn.Module
    encode_image: Callable[[torch.Tensor], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]
    count_tokens: Callable[[str], int]
    device: torch.device
    dtype: torch.dtype
    precision: str
    mean: torch.Tensor
    std: torch.Tensor


class TorchOpenClip:
    """The Embedder of an open_clip model; construction is cheap, each part loads when first needed."""

    def __init__(self, name: str, options: OpenClipOptions | None = None) -> None:
        self._name = parse(name)
        self._options = options or OpenClipOptions()
        self._lock = RLock()
        self._known_recipe: Recipe | None = None
        self._known_files: tuple[Path, ...] | None = None
        self._known_spec: ModelSpec | None = None
        self._known_loaded: LoadedModel | None = None

    @property
    def spec(self) -> ModelSpec:
        """The model's identity; fetches the weights' file for its hash, without loading it.

        Raises:
            UnknownModel: open_clip has no such architecture or pretrained tag.
            ModelUnavailable: open_clip or the weights cannot be had.
        """
        with self._lock:
            if self._known_spec is None:
                self._known_spec = self._make_spec()
            return self._known_spec

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes pixels, as a value that other processes can use."""
        return self.recipe().preprocessing

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize and crop one RGB image to (image_size, image_size, 3) uint8 as open_clip does; thread-safe."""
        return self.recipe().preprocessing(image)

    def embed_images(self, pixels: Pixels) -> Vectors:
        """Embed (n, image_size, image_size, 3) uint8 pixels into (n, dim) L2-normalised float32."""
        if len(pixels) == 0:
            return np.empty((0, self.recipe().dim), dtype=np.float32)
        loaded = self.load()
        import torch

        with torch.inference_mode():
            # A batch stored height, width, channel and permuted is in the memory format channels_last.
            batch = torch.from_numpy(np.require(pixels, np.uint8, ["C", "W"]))
            images = _to_device(batch, loaded.device).permute(0, 3, 1, 2).float().div_(255)
            images = images.sub_(loaded.mean).div_(loaded.std).to(loaded.dtype)
            return self._unit_vectors(loaded.encode_image(images), loaded.precision)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts of any length into (n, dim) L2-normalised float32; a long one is the mean of its parts."""
        if len(texts) == 0:
            return np.empty((0, self.recipe().dim), dtype=np.float32)
        loaded = self.load()
        return embed_long(texts, self.recipe().text_limit, loaded.count_tokens, self._embed_short)

    def _embed_short(self, texts: Sequence[str]) -> Vectors:
        loaded = self.load()
        import torch

        batches: list[Vectors] = []
        with torch.inference_mode():
            for start in range(0, len(texts), TEXTS_PER_BATCH):
                tokens = _to_device(loaded.tokenizer(list(texts[start : start + TEXTS_PER_BATCH])), loaded.device)
                batches.append(self._unit_vectors(loaded.model.encode_text(tokens), loaded.precision))
        return np.concatenate(batches)

    def _unit_vectors(self, features: torch.Tensor, precision: str) -> Vectors:
        vectors: Vectors = features.float().cpu().numpy()
        if not np.isfinite(vectors).all():
            raise ModelUnavailable(self._name.text, f"its vectors overflow in {precision}", "run it in fp32")
        return normalized(vectors)

    def _make_spec(self) -> ModelSpec:
        recipe = self.recipe()
        name = self._name
        label = name.architecture or name.repository or (name.folder.name if name.folder else "")
        try:
            key = model_key(label, self.weight_files(), recipe.pinned(), recipe.dim)
        except OSError as error:
            raise ModelUnavailable(name.text, one_line(error), "check the file's permissions") from error
        source = source_of(name, _open_clip(name))
        return ModelSpec(
            key=key,
            name=name.text,
            dim=recipe.dim,
            image_size=recipe.image_size,
            text_limit=recipe.text_limit,
            source=source,
            licence=f"see {source}" if source.startswith("https:") else "that of the local weights",
            templates="photo",
        )

    def recipe(self) -> Recipe:
        """What the model's configuration says."""
        with self._lock:
            if self._known_recipe is None:
                self._known_recipe = read_recipe(self._name, _open_clip(self._name))
            return self._known_recipe

    def weight_files(self) -> tuple[Path, ...]:
        """The files of the model's weights, fetched when they are not here."""
        with self._lock:
            if self._known_files is None:
                self._known_files = find_weights(self._name, _open_clip(self._name))
            return self._known_files

    def load(self) -> LoadedModel:
        """The model itself, on its device."""
        with self._lock:
            if self._known_loaded is None:
                self._known_loaded = _load_model(self._name, self.recipe(), self.weight_files(), self._options)
            return self._known_loaded


def _open_clip(name: OpenClipName) -> ModuleType:
    disable_telemetry()
    try:
        import open_clip
    except ImportError as error:
        remedy = "install it with `pip install 'photoseek[clip]'`"
        raise ModelUnavailable(name.text, f"open_clip is not installed ({one_line(error)})", remedy) from error
    module: ModuleType = open_clip
    return module


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Keep open_clip, which logs by logging.info, from installing a handler on the root logger."""
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _load_model(name: OpenClipName, recipe: Recipe, files: Sequence[Path], options: OpenClipOptions) -> LoadedModel:
    open_clip = _open_clip(name)
    import torch

    device, precision = _place(name, options)
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]

    def create() -> torch.nn.Module:
        if name.architecture:
            return open_clip.create_model(
                name.architecture,
                pretrained=str(files[0]),
                force_quick_gelu=recipe.quick_gelu,
                require_pretrained=True,
            )
        return open_clip.create_model(name.text, require_pretrained=True)

    try:
        with _quiet_root_logger():
            model = cached_first(name.text, create)
            tokenizer = cached_first(name.text, lambda: open_clip.get_tokenizer(name.architecture or name.text))
    except EmbedderError:
        raise
    except ImportError as error:
        remedy = "install it with `pip install transformers sentencepiece`"
        raise ModelUnavailable(name.text, f"its text tower needs a package ({one_line(error)})", remedy) from error
    except Exception as error:  # a file of arbitrary bytes makes torch raise anything
        reason = f"{files[0]} cannot be read as {name.architecture or 'its configuration says'} ({one_line(error)})"
        remedy = "name the architecture it was trained with, or get the file again"
        raise ModelUnavailable(name.text, reason, remedy) from error
    # All of the model in one type, layer norms too, since CUDA's kernels add up in single precision anyway.
    model = model.eval().to(device=device, dtype=dtype, memory_format=torch.channels_last)
    return LoadedModel(
        model=model,
        encode_image=torch.compile(model.encode_image) if options.compile else model.encode_image,
        tokenizer=tokenizer,
        count_tokens=_token_counter(tokenizer),
        device=device,
        dtype=dtype,
        precision=precision,
        mean=torch.tensor(recipe.preprocessing.mean, device=device).view(1, 3, 1, 1),
        std=torch.tensor(recipe.preprocessing.std, device=device).view(1, 3, 1, 1),
    )


def _place(name: OpenClipName, options: OpenClipOptions) -> tuple[torch.device, str]:
    """Resolve the options to a device that is here and a precision."""
    import torch

    has_cuda = bool(torch.cuda.is_available())
    device_name = choose_device(options.device, has_cuda=has_cuda)
    try:
        device = torch.device(device_name)
    except RuntimeError as error:
        raise ModelUnavailable(name.text, f"torch has no device {device_name!r}", "use auto, cpu or cuda") from error
    if device.type == "cuda" and not has_cuda:
        raise ModelUnavailable(name.text, "torch finds no CUDA device", "use device cpu, or install torch for CUDA")
    capability_major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    precision = choose_precision(options.precision, device.type, capability_major)
    if precision not in PRECISIONS:
        raise ModelUnavailable(
            name.text, f"there is no precision {precision!r}", f"use {', '.join(PRECISIONS)} or auto"
        )
    return device, precision


def _to_device(batch: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a batch to the device; to CUDA from pinned memory, without waiting for the copy's end."""
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def _token_counter(tokenizer: Callable[[list[str]], torch.Tensor]) -> Callable[[str], int]:
    """Return what counts a text's tokens, marks included, for either of open_clip's two kinds of tokenizer."""
    encode: Callable[[str], Sequence[int]] | None = getattr(tokenizer, "encode", None)
    if encode is not None:  # open_clip's own byte-pair encoder, which adds a start and an end
        return lambda text: len(encode(text)) + 2
    clean: Callable[[str], str] = getattr(tokenizer, "clean_fn", str)
    encoder = getattr(tokenizer, "tokenizer")  # noqa: B009 - the attribute is not of the declared type
    # In the mode named clips, open_clip itself adds a start, an end and a class token.
    added_marks = 3 if getattr(tokenizer, "tokenizer_mode", "") == "clips" else 0
    return lambda text: (
        added_marks + len(encoder(clean(text), add_special_tokens=added_marks == 0, verbose=False).input_ids)
    )
