"""The transformer blocks of the captioner, small enough to be taught on one processor core."""

from __future__ import annotations

import torch
from torch import nn

FORBIDDEN = -1e4
"""What is added to the attention that may not be: bfloat16 knows no larger number that is safe to add to others."""

_POOL_SIZE = 1 << 23


class Dropout(nn.Module):
    """Dropout that draws its zeros from a pool: on a processor, drawing each anew takes a sixth of a training step."""

    _pools: dict[float, torch.Tensor] = {}  # noqa: RUF012 - shared on purpose: one pool a rate

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Zero a share of the values, and scale the others to keep their sum."""
        if not self.training or self.rate == 0:
            return values
        count = values.numel()
        pool = self._pools.get(self.rate)
        if pool is None or len(pool) < 2 * count:
            pool = ((torch.rand(max(_POOL_SIZE, 2 * count)) > self.rate) / (1 - self.rate)).to(torch.bfloat16)
            self._pools[self.rate] = pool
        start = int(torch.randint(0, len(pool) - count, (1,)))
        return values * pool[start : start + count].view(values.shape).to(values.dtype)


class Attention(nn.Module):
    """Several heads of scaled dot-product attention, keys and values apart, so that they can be kept."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def keys_values(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, m, width) to keys and values, (n, heads, m, width / heads) each."""
        return self._split(self.key(states)), self._split(self.value(states))

    def forward(
        self, states: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Let (n, t, width) attend to keys and values; `mask` is added to the (n, heads, t, m) products."""
        queries = self._split(self.query(states))
        products = queries @ keys.transpose(2, 3) * queries.shape[-1] ** -0.5
        if mask is not None:
            products = products + mask
        found = torch.softmax(products, 3).to(values.dtype) @ values
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)


def feed_forward(width: int, multiple: int) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(width, multiple * width), nn.GELU(), nn.Linear(multiple * width, width))


class EncoderLayer(nn.Module):
    """Attention among all, and a hidden layer; each normalised before and added."""

    def __init__(self, width: int, heads: int, multiple: int, dropout: float) -> None:
        super().__init__()
        self.before_own, self.own = nn.LayerNorm(width), Attention(width, heads)
        self.before_hidden, self.hidden = nn.LayerNorm(width), feed_forward(width, multiple)
        self.dropout = Dropout(dropout)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map (n, t, width) to the same."""
        normal = self.before_own(states)
        states = states + self.dropout(self.own(normal, *self.own.keys_values(normal), mask))
        return states + self.dropout(self.hidden(self.before_hidden(states)))


class CrossLayer(EncoderLayer):
    """The same with attention to a picture in between."""

    def __init__(self, width: int, heads: int, multiple: int, dropout: float) -> None:
        super().__init__(width, heads, multiple, dropout)
        self.before_picture, self.picture = nn.LayerNorm(width), Attention(width, heads)

    def looking(
        self,
        states: torch.Tensor,
        own: tuple[torch.Tensor, torch.Tensor],
        picture: tuple[torch.Tensor, torch.Tensor],
        masks: tuple[torch.Tensor | None, torch.Tensor | None],
    ) -> torch.Tensor:
        """Map (n * g, t, width), g texts for each of n pictures one after the other, to the same.

        Args:
            states: the texts.
            own: what they attend to among themselves, of `self.own.keys_values`.
            picture: keys and values of the n pictures.
            masks: for the attention to themselves, and for that to the picture.
        """
        states = states + self.dropout(self.own(self.before_own(states), *own, masks[0]))
        texts, length, width = states.shape
        pictures = picture[0].shape[0]
        # The texts of a picture stand side by side, so that its keys need not be repeated.
        side_by_side = self.before_picture(states).reshape(pictures, texts // pictures * length, width)
        seen = self.picture(side_by_side, *picture, masks[1]).reshape(states.shape)
        states = states + self.dropout(seen)
        return states + self.dropout(self.hidden(self.before_hidden(states)))
