"""Export the two towers to ONNX and quantise them to int8: image_tower.onnx and text_tower.onnx."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ..library.embedders.mini import WEIGHTS
from ..library.types import Pixels
from .pictures import calibration_pixels
from .towers import IMAGE_SIZE, ImageTower, image_network, text_folder, text_tower

OPSET = 17
"""The newest that the oldest supported ONNX Runtime (1.18) and the tracing exporter agree on."""


def export_towers(folder: Path, stamps: Path) -> None:
    """Write both towers and the tokenizer into a folder; the stamps calibrate the image tower."""
    folder.mkdir(parents=True, exist_ok=True)
    export_image_tower(folder / "image_tower.onnx", calibration_pixels(stamps, count=48, seed=7))
    export_text_tower(folder / "text_tower.onnx")
    shutil.copyfile(text_folder() / "tokenizer.json", folder / "tokenizer.json")


def export_image_tower(target: Path, pixels: Pixels) -> None:
    """Write the int8 image tower: (n, 260, 260, 3) uint8 `pixels` to `features`, `places` and `detail`.

    Args:
        target: the file to write.
        pixels: (n, 260, 260, 3) uint8 pictures that set the ranges of the activations.
    """
    tower = ImageTower(image_network())
    example = torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, 3, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        exported, prepared = Path(folder, "float.onnx"), Path(folder, "prepared.onnx")
        _export(tower, {"pixels": example}, ("features", "places", "detail"), exported)
        quant_pre_process(str(exported), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Reader(pixels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def export_text_tower(target: Path) -> None:
    """Write the int8 text tower: (n, tokens) int64 `ids`, without padding, to `embedding` and `states`.

    The written graph is already optimised as far as every processor allows, since a cold start has no time for it.
    """
    example = torch.ones(2, 7, dtype=torch.int64)
    with tempfile.TemporaryDirectory() as folder:
        exported, prepared, quantised = (Path(folder, name) for name in ("float.onnx", "prepared.onnx", "int8.onnx"))
        _export(text_tower(), {"ids": example}, ("embedding", "states"), exported)
        quant_pre_process(str(exported), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(str(prepared), str(quantised), per_channel=True, weight_type=QuantType.QInt8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(str(quantised), options, providers=["CPUExecutionProvider"])


def _export(module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], target: Path) -> None:
    """Trace a module to ONNX; dimension 0 is dynamic everywhere, and so is dimension 1 of token matrices."""
    axes = {name: {0: "n", 1: "tokens"} if value.ndim == 2 else {0: "n"} for name, value in inputs.items()}
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(target),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={**axes, **{name: {0: "n", 1: "tokens"} if name == "states" else {0: "n"} for name in outputs}},
        opset_version=OPSET,
        dynamo=False,
    )


class _Reader(CalibrationDataReader):
    """Hands the calibration pictures to the quantiser, eight at a time."""

    def __init__(self, pixels: Pixels) -> None:
        self._batches = iter(np.array_split(pixels, max(1, len(pixels) // 8)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next batch, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def main() -> None:
    """Write both towers and the tokenizer into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stamps", type=Path, help="folder of tuxpaint-stamps-default's pictures, for calibration")
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder to write to")
    arguments = parser.parse_args()
    export_towers(arguments.into, arguments.stamps)


if __name__ == "__main__":
    main()
