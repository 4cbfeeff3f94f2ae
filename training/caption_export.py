"""Write the captioner's two graphs in eight bits: its memory of a picture, and one word of a caption."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from .caption_model import PLACE_DIM, PLACES, Captioner, Decoder, MemoryGraph, StepGraph, tokens_of
from .heads import OPSET
from .towers import FEATURE_DIM

_HALVED_FROM_VALUES = 4096


def export_captioner(captioner: Captioner, folder: Path) -> None:
    """Write caption_memory.onnx and caption_step.onnx; mini_decoder.py in rerank says what goes in and comes out."""
    captioner = captioner.eval()
    keys = [f"picture_{number}" for number in range(2 * captioner.size.layers)]
    export(
        MemoryGraph(captioner),
        {"places": torch.rand(2, PLACES, PLACE_DIM), "pooled": torch.rand(2, FEATURE_DIM)},
        {name: {0: "n"} for name in ("places", "pooled", "chances", *keys)},
        ["chances", *keys],
        folder / "caption_memory.onnx",
    )
    export_step(captioner.decoder, folder / "caption_step.onnx")


def export_step(decoder: Decoder, target: Path) -> None:
    """Write the graph that says the next word."""
    size, parts = decoder.size, range(2 * decoder.size.layers)
    width = size.width // size.heads
    inputs = {"words": torch.ones(2, 3, dtype=torch.int64), "place": torch.tensor([4])}
    inputs |= {f"past_{number}": torch.rand(6, size.heads, 4, width) for number in parts}
    inputs |= {f"picture_{number}": torch.rand(2, size.heads, tokens_of(size), width) for number in parts}
    axes = {"words": {0: "n", 1: "beams"}, "scores": {0: "n", 1: "beams"}}
    axes |= {f"past_{number}": {0: "rows", 2: "before"} for number in parts}
    axes |= {f"grown_{number}": {0: "rows", 2: "after"} for number in parts}
    axes |= {f"picture_{number}": {0: "n"} for number in parts}
    step = _Flat(StepGraph(decoder.eval()), len(parts))
    export(step, inputs, axes, ["scores", *(f"grown_{number}" for number in parts)], target)


class _Flat(torch.nn.Module):
    """A step whose lists are arguments, as the exporter wants them."""

    def __init__(self, step: StepGraph, parts: int) -> None:
        super().__init__()
        self.step = step
        self.parts = parts

    def forward(self, words: torch.Tensor, place: torch.Tensor, *parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.step(words, place, list(parts[: self.parts]), list(parts[self.parts :]))


def export(
    module: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    axes: dict[str, dict[int, str]],
    outputs: list[str],
    target: Path,
) -> None:
    """Trace a module to ONNX, its products' weights in eight bits, its other large tensors in sixteen."""
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        exported, quantised = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(exported),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
        quantize_dynamic(
            str(exported),
            str(quantised),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        graph = onnx.load(str(quantised))
        _halve(graph)
        onnx.save(graph, str(target))


def _halve(graph: onnx.ModelProto) -> None:
    """Store what is still float32 and large as float16; ONNX Runtime widens it when loading."""
    widened = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= _HALVED_FROM_VALUES:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            widened.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*widened, *nodes])
