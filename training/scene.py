"""The scene part: attention over a picture's places and a text's words, learned from captioned photographs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import normalize

from ..library.types import Vectors
from .towers import DETAIL_DIM, FEATURE_DIM, PLACE_DIM, PLACES, TEXT_DIM

HEAD_DIM = 256
"""Numbers of one head's vector; several heads' are put side by side and then brought down to `SCENE_DIM`."""

SCENE_DIM = 256

_POSITIONS = 24
"""Words beyond so many tokens stand where the last does."""

_WIDEST = 5.0
"""Channels are cut at so many deviations."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and deviation of every channel of the places and their detail: (532,) each."""

    mean: torch.Tensor
    deviation: torch.Tensor


@dataclass(frozen=True, slots=True)
class SceneSizes:
    """How large one head is: maps of attention over places and words, what is kept of each, the hidden layers."""

    image_maps: int = 8
    map_dim: int = 64
    image_width: int = 768
    text_maps: int = 4
    text_width: int = 768
    dropout: float = 0.3


class SceneImage(nn.Module):
    """One head of pictures: what each map of attention finds, and the pooled features, to a vector of length 1."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, spread: Spread, sizes: SceneSizes) -> None:
        super().__init__()
        channels = PLACE_DIM + DETAIL_DIM
        self.register_buffer("mean", spread.mean)
        self.register_buffer("deviation", spread.deviation)
        self.attention = nn.Linear(channels, sizes.image_maps)
        self.where = nn.Parameter(torch.zeros(PLACES, sizes.image_maps))
        self.kept = nn.Parameter(torch.randn(sizes.image_maps, channels, sizes.map_dim) / channels**0.5)
        found = sizes.image_maps * sizes.map_dim
        self.found_norm, self.pooled_norm = nn.LayerNorm(found), nn.LayerNorm(FEATURE_DIM)
        self.head = _Head(found + FEATURE_DIM, sizes.image_width, sizes.dropout)

    def forward(self, features: torch.Tensor, places: torch.Tensor, detail: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280), (n, 81, 352) and (n, 81, 180) to (n, 256) of length 1."""
        channels = (torch.cat([places, detail], dim=2) - self.mean) / self.deviation
        channels = channels.clamp(-_WIDEST, _WIDEST)
        attention = torch.softmax(self.attention(channels) + self.where, dim=1)
        # A map's mean of the places first, then its own projection: the same sum, at a fraction of the cost.
        means = attention.transpose(1, 2) @ channels
        found = (means.unsqueeze(2) @ self.kept).flatten(1)
        # The root brings the few large features, all of them at least 0, nearer to the many small ones.
        pooled = torch.sqrt(features.clamp(min=0))
        scene: torch.Tensor = self.head(torch.cat([self.found_norm(found), self.pooled_norm(pooled)], dim=1))
        return scene


class SceneText(nn.Module):
    """One head of texts: what each map of attention over the words finds, and their mean, to a vector of length 1."""

    def __init__(self, sizes: SceneSizes) -> None:
        super().__init__()
        self.attention = nn.Linear(TEXT_DIM, sizes.text_maps)
        # Who does and who suffers is told by the order of the words.
        self.where = nn.Parameter(torch.zeros(_POSITIONS, sizes.text_maps))
        found = TEXT_DIM * (sizes.text_maps + 1)
        self.norm = nn.LayerNorm(found)
        self.head = _Head(found, sizes.text_width, sizes.dropout)

    def forward(
        self, embedding: torch.Tensor, states: torch.Tensor, present: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Map (n, 384) of length 1 and (n, tokens, 384), of which only `present` count, to (n, 256) of length 1."""
        position = torch.cumsum(torch.ones_like(states[0, :, 0], dtype=torch.int64), 0).clamp(max=_POSITIONS) - 1
        logits = (self.attention(states) + self.where[position]).float()
        if present is not None:
            logits = logits.masked_fill(~present.unsqueeze(2), -1e4)
        found = torch.softmax(logits, dim=1).transpose(1, 2) @ states
        # A mean of length 1 has numbers eight times smaller than the states have.
        everything = torch.cat([found.flatten(1), embedding * _EMBEDDING_GAIN], dim=1)
        scene: torch.Tensor = self.head(self.norm(everything))
        return scene


class _Head(nn.Module):
    """Numbers to a vector of length 1: linear, and one hidden layer beside it."""

    def __init__(self, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(size, HEAD_DIM)
        self.hidden = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, HEAD_DIM))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Map (n, size) to (n, 256) of length 1."""
        kept = self.dropout(numbers)
        return normalize((self.linear(kept) + self.hidden(kept)).float(), dim=1)


class SceneImages(nn.Module):
    """Several image heads side by side, brought down to one vector of length 1."""

    def __init__(self, heads: list[SceneImage], projection: torch.Tensor) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.projection = nn.Parameter(projection, requires_grad=False)

    def forward(self, features: torch.Tensor, places: torch.Tensor, detail: torch.Tensor) -> torch.Tensor:
        """Map what the tower says to (n, 256) of length 1."""
        vectors = torch.cat([head(features, places, detail) for head in self.heads], dim=1)
        return normalize(vectors @ self.projection, dim=1)


class SceneTexts(nn.Module):
    """Several text heads side by side, brought down to one vector of length 1."""

    def __init__(self, heads: list[SceneText], projection: torch.Tensor) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.projection = nn.Parameter(projection, requires_grad=False)

    def forward(self, embedding: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Map what the tower says of texts of one length to (n, 256) of length 1."""
        vectors = torch.cat([head(embedding, states) for head in self.heads], dim=1)
        return normalize(vectors @ self.projection, dim=1)


def joint_projections(images: Vectors, texts: Vectors) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose the projections that change the products of (n, d) images and (m, d) texts least: (d, 256) twice.

    With A and B the roots of their second moments, it is the singular value decomposition of AB, cut at 256.
    """
    roots, inverses = [], []
    for vectors in (images, texts):
        values, directions = torch.linalg.eigh(torch.from_numpy(vectors.T @ vectors / len(vectors)).double())
        values = values.clamp(min=1e-6 * float(values.max()))
        roots.append(directions * values.sqrt() @ directions.T)
        inverses.append(directions / values.sqrt() @ directions.T)
    left, sizes, right = torch.linalg.svd(roots[0] @ roots[1])
    scale = sizes[:SCENE_DIM].sqrt()
    return (
        (inverses[0] @ left[:, :SCENE_DIM] * scale).float(),
        (inverses[1] @ right[:SCENE_DIM].T * scale).float(),
    )


_EMBEDDING_GAIN = 8.0
