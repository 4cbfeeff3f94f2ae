"""The judge: a picture's places and a text's tokens look at one another, and a number says how well they match."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import normalize

from .attention import FORBIDDEN, CrossLayer, Dropout, EncoderLayer
from .towers import TEXT_DIM

PLACES = 81
KEPT_RANGE = 4.0
"""What is kept of a place is cut off at so many deviations, the largest byte."""


@dataclass(frozen=True, slots=True)
class JudgeSize:
    """How large it is; `place` and `whole` are the bytes kept of each place and of the whole picture."""

    place: int
    whole: int
    width: int = 192
    heads: int = 3
    layers: int = 2
    multiple: int = 2
    joint: int = 384
    glances: int = 4
    dropout: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """n texts: (n, t, width) states, the first of the whole text; what must not be looked at; (n, joint) vectors."""

    states: torch.Tensor
    mask: torch.Tensor
    vectors: torch.Tensor

    def chosen(self, numbers: torch.Tensor) -> Texts:
        """Return some of them, or the same several times."""
        return Texts(self.states[numbers], self.mask[numbers], self.vectors[numbers])


class JudgeNet(nn.Module):
    """Pictures, texts, and pairs of them."""

    def __init__(self, size: JudgeSize) -> None:
        super().__init__()
        width, rate = size.width, size.dropout
        self.size = size
        self.place, self.whole = nn.Linear(size.place, width), nn.Linear(size.whole, width)
        self.where = nn.Parameter(torch.randn(PLACES + 1, width) * 0.02)
        self.encoder = EncoderLayer(width, size.heads, size.multiple, rate)
        self.encoded = nn.LayerNorm(width)
        self.glance = nn.Linear(width, size.glances)
        self.picture_vector = nn.Linear((size.glances + 1) * width, size.joint)
        self.whole_vector = nn.Sequential(
            nn.Linear(size.whole, 512), nn.GELU(), Dropout(rate), nn.Linear(512, size.joint)
        )
        self.token, self.sentence = nn.Linear(TEXT_DIM, width), nn.Linear(TEXT_DIM, width)
        self.text_vector = nn.Sequential(nn.Linear(TEXT_DIM, 768), nn.GELU(), Dropout(rate), nn.Linear(768, size.joint))
        self.word_vector = nn.Linear(TEXT_DIM, size.joint)
        self.layers = nn.ModuleList(CrossLayer(width, size.heads, size.multiple, rate) for _ in range(size.layers))
        self.read = nn.LayerNorm(width)
        self.verdict = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))
        self.dropout = Dropout(rate)
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.share = nn.Parameter(torch.tensor(10.0))

    def pictures(
        self, places: torch.Tensor, whole: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, 81, place) and (n, whole) int8 to (n, 82, width) memories and (n, joint) vectors of length 1."""
        seen, all_of_it = (part.to(torch.float32) * (KEPT_RANGE / 127) for part in (places, whole))
        tokens = self.dropout(torch.cat([self.place(seen), self.whole(all_of_it).unsqueeze(1)], 1) + self.where)
        tokens = self.encoded(self.encoder(tokens, mask))
        look = self.glance(tokens)
        if mask is not None:
            look = look + mask[:, 0, 0, :, None]
        glances = (torch.softmax(look, 1).transpose(1, 2) @ tokens).flatten(1)
        vector = self.picture_vector(torch.cat([glances, tokens[:, PLACES]], 1)) + self.whole_vector(all_of_it)
        return tokens, normalize(vector.float(), dim=1)

    def texts(self, states: torch.Tensor, sentence: torch.Tensor, there: torch.Tensor) -> Texts:
        """Take (n, t, 384) token states, (n, 384) sentence vectors of length 1, and which tokens are there."""
        whole = sentence * TEXT_DIM**0.5
        tokens = self.dropout(torch.cat([self.sentence(whole).unsqueeze(1), self.token(states)], 1))
        first = torch.ones_like(there[:, :1])
        mask = (1 - torch.cat([first, there], 1).to(states.dtype))[:, None, None] * FORBIDDEN
        shares = there.to(states.dtype).unsqueeze(2)
        words = (torch.relu(self.word_vector(states)) * shares).sum(1) / shares.sum(1).clamp(min=1)
        return Texts(tokens, mask, normalize((self.text_vector(whole) + words).float(), dim=1))

    def pairs(
        self, texts: Texts, pictures: tuple[torch.Tensor, torch.Tensor], hidden: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score n * g texts, g for each of n pictures one after the other: (n * g,)."""
        memory, vectors = pictures
        states = texts.states
        for layer in self.layers:
            own = layer.own.keys_values(layer.before_own(states))
            states = layer.looking(states, own, layer.picture.keys_values(memory), (texts.mask, hidden))
        states = self.read(states)
        there = (texts.mask[:, 0, 0] > FORBIDDEN / 2).to(states.dtype).unsqueeze(2)
        mean = (states * there).sum(1) / there.sum(1)
        each = vectors.repeat_interleave(len(states) // len(memory), 0)
        cosine = (texts.vectors * each).sum(1)
        return self.verdict(torch.cat([states[:, 0], mean], 1)).float()[:, 0] + self.share * cosine


class JudgeGraph(nn.Module):
    """What is exported: one text against n pictures."""

    def __init__(self, judge: JudgeNet) -> None:
        super().__init__()
        self.judge = judge

    def forward(
        self, places: torch.Tensor, whole: torch.Tensor, states: torch.Tensor, sentence: torch.Tensor
    ) -> torch.Tensor:
        """Map (n, 81, place) and (n, whole) int8, (1, t, 384) and (1, 384) to (n,) scores."""
        memory, vectors = self.judge.pictures(places, whole)
        text = self.judge.texts(states, sentence, torch.ones_like(states[:, :, 0]))
        count = places.shape[0]
        same = Texts(
            text.states.expand(count, -1, -1), text.mask.expand(count, -1, -1, -1), text.vectors.expand(count, -1)
        )
        return self.judge.pairs(same, (memory, vectors))
