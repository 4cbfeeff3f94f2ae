"""Teach the gate: names of things ask the meaning; captions, whole or in parts, the scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ..library.types import Vectors
from .joint import Gate

LONGEST_FRAGMENT_WORDS = 6
_STEPS = 300
_WEIGHT_DECAY = 3e-2


def fragments(captions: Sequence[str], count: int, seed: int) -> list[str]:
    """Cut runs of one to six words out of captions, as a query is rarely a whole sentence."""
    chance = np.random.default_rng(seed)
    found = []
    for number in chance.choice(len(captions), count):
        words = captions[int(number)].strip(" .").split()
        length = min(int(chance.integers(1, LONGEST_FRAGMENT_WORDS + 1)), len(words))
        start = int(chance.integers(0, len(words) - length + 1))
        found.append(" ".join(words[start : start + length]))
    return [text for text in found if text]


def taught_gate(names: Vectors, scenes: Vectors, seed: int) -> Gate:
    """Fit a logistic regression that tells (n, 384) vectors of names from those of scenes, both counting alike."""
    torch.manual_seed(seed)
    gate = Gate()
    features = torch.from_numpy(np.concatenate([names, scenes]))
    wanted = torch.cat([torch.zeros(len(names), 1), torch.ones(len(scenes), 1)])
    weights = torch.cat(
        [torch.full((len(names), 1), 0.5 / len(names)), torch.full((len(scenes), 1), 0.5 / len(scenes))]
    )
    optimizer = torch.optim.AdamW(gate.parameters(), 0.02, weight_decay=_WEIGHT_DECAY)
    for _ in range(_STEPS):
        loss = (binary_cross_entropy_with_logits(gate.logit(features), wanted, reduction="none") * weights).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return gate.eval()
