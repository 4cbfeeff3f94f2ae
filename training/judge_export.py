"""Write the judge's graph in eight bits: one text against n pictures."""

from __future__ import annotations

from pathlib import Path

import torch

from .caption_export import export
from .judge_model import PLACES, JudgeGraph, JudgeNet
from .towers import TEXT_DIM


def export_judge(judge: JudgeNet, target: Path) -> None:
    """Write judge.onnx: `places`, `whole`, `states` and `sentence` to `scores`; see JudgeGraph."""
    inputs = {
        "places": torch.randint(-127, 128, (3, PLACES, judge.size.place), dtype=torch.int8),
        "whole": torch.randint(-127, 128, (3, judge.size.whole), dtype=torch.int8),
        "states": torch.rand(1, 7, TEXT_DIM),
        "sentence": torch.rand(1, TEXT_DIM),
    }
    axes = {"places": {0: "n"}, "whole": {0: "n"}, "states": {1: "tokens"}, "scores": {0: "n"}}
    with torch.no_grad():
        export(JudgeGraph(judge), inputs, axes, ["scores"], target)
