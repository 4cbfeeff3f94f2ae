"""Exports an open_clip model to ONNX, once, into a folder that needs neither torch nor open_clip to be used."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...telemetry import disable_telemetry
from ...types import Pixels, Vectors
from .model_source import OpenClipName
from .onnx_model import (
    IMAGE_TOWER,
    TEXT_TOWER,
    TOKENIZER,
    WORDS,
    ExportManifest,
    OnnxEmbedder,
    Watched,
    installed_open_clip,
    inventory,
    publish,
    unpublished,
)
from .tokens import TextTokens, TokenRules, WordTable, of_words, tokenizer_of
from .torch_model import TorchOpenClip
from .towers import Tower, image_tower, text_tower, traceable

if TYPE_CHECKING:
    import torch

OPSET = 17
"""The first with LayerNormalization (ONNX 1.12, 2022), which ONNX Runtime then need not piece together."""

LEAST_COSINE = {"fp32": 0.9999, "int8": 0.98}
"""Between a vector of the export and the model's own, for the worst of the samples."""

LEAST_MEAN_COSINE = {"fp32": 0.9999, "int8": 0.99}

INT8_MARK = "int8"

SAMPLE_TEXTS = (
    "",
    "a cat",
    "a photo of a dog, running on the beach at sunset",
    "It's the children's 3rd birthday; they'll eat cake & ice-cream!",
    "CAFÉ menu: crème brûlée 4,50 €",
    "naïve ﬁancé — “quoted” … &amp; &lt;tag&gt;",
    "東京の夜景 \U0001f303",
    "Москва зимой",
    "صورة قطة",
    "snake_case and CamelCase and dotted.names/with/slashes",
    "  spaces\tand\nlines  ",
    "1234567890 x 10^-3 = #?!",
    "a red sports car parked in front of a white house with a green door while it rains",
)
"""Of several scripts, with marks, digits, entities and odd spaces: what tokenizers disagree about first."""


class ExportRefused(Exception):
    """The model cannot be exported faithfully; the text says why."""


def export(name: OpenClipName, model: TorchOpenClip, precision: str, folder: Path) -> ExportManifest:
    """Export a model into `folder`, or note there why it cannot be; whatever was there before gives way.

    Args:
        name: the model's name, parsed.
        model: it in torch, on the CPU, in single precision.
        precision: `fp32` or `int8`.
        folder: where to; its parent is made.

    Raises:
        OSError: the files cannot be written.
        EmbedderError: the model itself cannot be had.
    """
    manifest = ExportManifest(
        open_clip=installed_open_clip() or "",
        precision=precision,
        spec=model.spec,
        preprocessing=model.recipe().preprocessing,
        watched=_watched(name, model.weight_files()),
    )
    if precision == "int8":
        # Vectors of both kinds in one library would shift the ranking by which of them an image got.
        spec = replace(model.spec, key=f"{model.spec.key}-{INT8_MARK}", name=f"{model.spec.name}@{INT8_MARK}")
        manifest = replace(manifest, spec=spec)
    with unpublished(folder) as draft:
        try:
            manifest = _write(model, manifest, draft)
            _check(model, OnnxEmbedder(draft, manifest), precision)
        except ExportRefused as refusal:
            manifest = replace(manifest, spec=model.spec, refused=str(refusal), files=(), tokens=None)
        with unpublished(folder.with_name(f"{folder.name}.kept")) as kept:
            for file, _, _ in manifest.files:
                (draft / file).rename(kept / file)
            publish(kept, folder, manifest)
    return manifest


def _write(model: TorchOpenClip, manifest: ExportManifest, draft: Path) -> ExportManifest:
    """Write the towers and the tokenizer; return the manifest that names them."""
    recipe, live = model.recipe(), model.load()
    found = tokenizer_of(live.tokenizer)
    if found is None:
        raise ExportRefused("its tokenizer is of a kind that only open_clip can run")
    tokenizer, cleaning, pad_id = found
    tokenizer.save(str(draft / TOKENIZER))
    with traceable(live.model):
        pictures, texts = (
            image_tower(live.model, recipe.preprocessing.mean, recipe.preprocessing.std),
            text_tower(live.model),
        )
        rules = TokenRules(cleaning, pad_id, recipe.text_limit, any_length=texts.any_length)
        table = of_words(tokenizer)
        tokens = TextTokens(lambda: tokenizer, rules, manifest.spec.name, WordTable(table) if table else None)
        _check_tokens(model, tokens)
        images = _sample_pixels(manifest.preprocessing.size)[:2].astype(np.float32)
        names = [
            *_write_tower(pictures, images, "pixels", draft / IMAGE_TOWER, manifest.precision),
            *_write_tower(texts, tokens.encode(SAMPLE_TEXTS[1:3]), "ids", draft / TEXT_TOWER, manifest.precision),
        ]
        if table:
            (draft / WORDS).write_bytes(table)
            names.append(WORDS)
    return replace(manifest, tokens=rules, files=inventory(draft, [TOKENIZER, *names]))


def _write_tower(
    tower: Tower, sample: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str, file: Path, precision: str
) -> list[str]:
    """Trace a tower on a sample of 2, reduce it, and write it as a graph and a file of weights; return their names."""
    import torch

    axes = {name: {0: "n"} | ({1: "tokens"} if tower.any_length else {}), "features": {0: "n"}}
    traced, folded = file.with_suffix(".traced"), file.with_suffix(".folded")
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about what the check afterwards would find
            torch.onnx.export(
                tower.module,
                (torch.from_numpy(sample),),
                str(traced),
                input_names=[name],
                output_names=["features"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    except OSError:
        raise
    except Exception as error:  # the tracer raises anything on what it does not know
        raise ExportRefused(f"torch cannot trace it ({type(error).__name__})") from error
    if precision == "int8":
        _optimize(traced, folded, "BASIC")
        _quantize(folded, traced)
    weights = file.with_suffix(".weights")
    _optimize(traced, file, "EXTENDED", weights)
    for scratch in (traced, folded):
        scratch.unlink(missing_ok=True)
    return [file.name, weights.name] if weights.exists() else [file.name]


def _optimize(source: Path, target: Path, level: str, weights: Path | None = None) -> None:
    """Write a graph as ONNX Runtime reduces it; with its weights beside it, from where they are mapped, not read."""
    disable_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(target)
    if weights is not None:
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", weights.name)
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    try:
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes share no base but this
        raise ExportRefused(f"ONNX Runtime cannot run it ({type(error).__name__})") from error


def _quantize(source: Path, target: Path) -> None:
    """Write the graph with 8-bit weights, a scale for each output, and activations rounded as they come."""
    disable_telemetry()
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ExportRefused("int8 needs the package onnx: pip install onnx") from error
    root = logging.getLogger()
    root.addFilter(_nothing)  # it advises a step that _optimize has just done
    try:
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        root.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _check_tokens(model: TorchOpenClip, tokens: TextTokens) -> None:
    theirs: torch.Tensor = model.load().tokenizer(list(SAMPLE_TEXTS))
    ours = tokens.encode(SAMPLE_TEXTS)
    padded = np.full(tuple(theirs.shape), 0 if ours.shape[1] < theirs.shape[1] else -1, dtype=np.int64)
    padded[:, : ours.shape[1]] = ours
    if not np.array_equal(padded, theirs.numpy()):
        raise ExportRefused("its tokenizer gives other tokens outside open_clip")


def _check(model: TorchOpenClip, exported: OnnxEmbedder, precision: str) -> None:
    """Compare with the model itself, one at a time and together."""
    pixels = _sample_pixels(model.spec.image_size)
    for kind, ours, theirs in (
        ("images", exported.embed_images(pixels), model.embed_images(pixels)),
        ("texts", exported.embed_texts(SAMPLE_TEXTS), model.embed_texts(SAMPLE_TEXTS)),
    ):
        cosines: Vectors = np.sum(ours * theirs, axis=1)
        if cosines.min() < LEAST_COSINE[precision] or cosines.mean() < LEAST_MEAN_COSINE[precision]:
            raise ExportRefused(
                f"its {kind}' vectors in {precision} differ from torch's "
                f"(cosine {cosines.min():.4f} at worst, {cosines.mean():.4f} on average)"
            )


def _sample_pixels(size: int) -> Pixels:
    """Return (9, size, size, 3) uint8: plain, smooth, blocky and noisy pictures, as photographs are in places."""
    generator = np.random.default_rng(9)
    pictures = [np.full((size, size, 3), 127.0), generator.uniform(0, 255, (size, size, 3))]
    for cells in (2, 3, 5, 8, 13, 21, 34):
        coarse = generator.uniform(0, 255, (cells, cells, 3))
        rows = np.arange(size) * cells // size
        blocks = coarse[rows][:, rows]
        shade = np.linspace(0.3, 1, size)[:, np.newaxis, np.newaxis]
        pictures.append(np.clip(blocks * shade + generator.normal(0, 6, blocks.shape), 0, 255))
    return np.stack(pictures).astype(np.uint8)


def _watched(name: OpenClipName, weights: tuple[Path, ...]) -> tuple[Watched, ...]:
    """Note the weights, the rest of a model's folder, and what the hub's cache takes for the newest version."""
    files = set(weights)
    if name.folder:
        files |= {path for path in name.folder.iterdir() if path.is_file()}
    if weights[0].parent.parent.name == "snapshots":
        files |= {path for path in [weights[0].parent.parent.parent / "refs" / "main"] if path.is_file()}
    return tuple(Watched.of(path) for path in sorted(files))
