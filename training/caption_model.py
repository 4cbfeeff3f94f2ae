"""The captioner: a picture's places, its features and likeliest classes as memory, and decoders of words over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from .attention import FORBIDDEN, CrossLayer, Dropout, EncoderLayer
from .towers import FEATURE_DIM, TEXT_DIM

PLACES = 81
PLACE_DIM = 352
PAD, START, END, UNKNOWN = range(4)

_POOLED_TOKENS = 2

KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class CaptionerSize:
    """How large it is; `classes` are the likeliest classes shown to it, `longest` the most words and marks."""

    words: int
    width: int = 256
    heads: int = 4
    layers: int = 2
    multiple: int = 4
    classes: int = 5
    longest: int = 24
    dropout: float = 0.2


@dataclass(frozen=True, slots=True)
class Scales:
    """The means and deviations of places, (352,) each, and of pooled features, (1280,) each."""

    place_mean: torch.Tensor
    place_deviation: torch.Tensor
    pooled_mean: torch.Tensor
    pooled_deviation: torch.Tensor


class Decoder(nn.Module):
    """Foretells the words of captions from a picture's keys and values, and the words before."""

    def __init__(self, size: CaptionerSize) -> None:
        super().__init__()
        width = size.width
        self.size = size
        self.words = nn.Embedding(size.words, width)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        self.order = nn.Parameter(torch.randn(size.longest, width) * 0.02)
        self.layers = nn.ModuleList(
            CrossLayer(width, size.heads, size.multiple, size.dropout) for _ in range(size.layers)
        )
        self.decoded = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(size.words))
        self.dropout = Dropout(size.dropout)

    def read(self, words: torch.Tensor, memory: list[KeysValues], mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map (n * g, t) words, g captions a picture, to the (n * g, t, width) states that foretell the next words."""
        length = words.shape[1]
        states = self.dropout(self.words(words) * (self.size.width**0.5 / 2) + self.order[:length])
        later = torch.full((length, length), FORBIDDEN, dtype=states.dtype).triu(1)
        for layer, picture in zip(self.layers, memory, strict=True):
            own = layer.own.keys_values(layer.before_own(states))
            states = layer.looking(states, own, picture, (later, mask))
        return self.decoded(states)

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Map states to the words' logits."""
        return nn.functional.linear(states, self.words.weight, self.bias)


class Captioner(nn.Module):
    """Memory and decoder.

    Args:
        size: how large it is.
        scales: of the towers' outputs.
        classifier: of the image tower, over 1,000 classes.
        class_names: (1000, 384), the text tower's features of their names.
    """

    def __init__(self, size: CaptionerSize, scales: Scales, classifier: nn.Linear, class_names: torch.Tensor) -> None:
        super().__init__()
        width = size.width
        self.size = size
        self.register_buffer("place_mean", scales.place_mean)
        self.register_buffer("place_deviation", scales.place_deviation)
        self.register_buffer("pooled_mean", scales.pooled_mean)
        self.register_buffer("pooled_deviation", scales.pooled_deviation)
        self.register_buffer("class_weights", classifier.weight.detach().T.contiguous())
        self.register_buffer("class_biases", classifier.bias.detach())
        self.register_buffer("class_names", class_names * TEXT_DIM**0.5)
        self.place = nn.Linear(PLACE_DIM, width)
        self.pooled = nn.Linear(FEATURE_DIM, _POOLED_TOKENS * width)
        self.name = nn.Linear(TEXT_DIM, width)
        self.chance = nn.Linear(2, width)
        self.where = nn.Parameter(torch.randn(PLACES, width) * 0.02)
        self.kinds = nn.Parameter(torch.randn(_POOLED_TOKENS + size.classes, width) * 0.02)
        self.encoder = EncoderLayer(width, size.heads, size.multiple, size.dropout)
        self.encoded = nn.LayerNorm(width)
        self.decoder = Decoder(size)
        self.dropout = Dropout(size.dropout)

    def chances(self, pooled: torch.Tensor) -> torch.Tensor:
        """Map (n, 1280) features to (n, 1000) probabilities of the classes."""
        return torch.softmax(pooled @ self.class_weights + self.class_biases, 1)

    def memory(self, places: torch.Tensor, pooled: torch.Tensor, mask: torch.Tensor | None = None) -> list[KeysValues]:
        """Map (n, 81, 352) and (n, 1280) to each layer's keys and values; `mask` hides some of the tokens."""
        chances, classes = torch.topk(self.chances(pooled), self.size.classes, 1)
        sureness = torch.stack([chances, torch.log(chances + 1e-4)], 2)
        seen = self.place((places - self.place_mean) / self.place_deviation) + self.where
        whole = self.pooled((pooled - self.pooled_mean) / self.pooled_deviation).unflatten(1, (_POOLED_TOKENS, -1))
        named = self.name(self.class_names[classes]) + self.chance(sureness)
        tokens = self.dropout(torch.cat([seen, torch.cat([whole, named], 1) + self.kinds], 1))
        tokens = self.encoded(self.encoder(tokens, mask))
        return [layer.picture.keys_values(tokens) for layer in self.decoder.layers]

    def read(self, words: torch.Tensor, memory: list[KeysValues], mask: torch.Tensor | None = None) -> torch.Tensor:
        """Read captions as the decoder does."""
        return self.decoder.read(words, memory, mask)

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Map states to the words' logits."""
        return self.decoder.scores(states)

    @property
    def tokens(self) -> int:
        """How many tokens the memory of a picture has."""
        return tokens_of(self.size)


class OtherLanguage(nn.Module):
    """A decoder of another language over what a captioner that has learned already remembers of pictures.

    Args:
        size: of the decoder; all but its words as the captioner's.
        memory: from places and features to each layer's keys and values.
    """

    def __init__(self, size: CaptionerSize, memory: Callable[[torch.Tensor, torch.Tensor], list[KeysValues]]) -> None:
        super().__init__()
        self.size = size
        self.decoder = Decoder(size)
        self.remembered = memory
        for layer in self.decoder.layers:
            # The keys and values of pictures are the captioner's; these would never be used.
            layer.picture.key, layer.picture.value = nn.Identity(), nn.Identity()

    def memory(self, places: torch.Tensor, pooled: torch.Tensor, _mask: torch.Tensor | None = None) -> list[KeysValues]:
        """Return what is remembered; a mask hides tokens from the decoder alone."""
        return self.remembered(places, pooled)

    def read(self, words: torch.Tensor, memory: list[KeysValues], mask: torch.Tensor | None = None) -> torch.Tensor:
        """Read captions as the decoder does."""
        return self.decoder.read(words, memory, mask)

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Map states to the words' logits."""
        return self.decoder.scores(states)

    @property
    def tokens(self) -> int:
        """How many tokens the memory of a picture has."""
        return tokens_of(self.size)


def tokens_of(size: CaptionerSize) -> int:
    """Return how many tokens the memory of a picture has."""
    return PLACES + _POOLED_TOKENS + size.classes


class MemoryGraph(nn.Module):
    """What is exported to run once a picture."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def forward(self, places: torch.Tensor, pooled: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the classes' chances, then each layer's keys and values."""
        memory = self.captioner.memory(places, pooled)
        return (self.captioner.chances(pooled), *(part for pair in memory for part in pair))


class StepGraph(nn.Module):
    """What is exported to run once a word: `beams` captions of each picture side by side."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, words: torch.Tensor, place: torch.Tensor, past: list[torch.Tensor], picture: list[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """Return (n, beams, words) log-probabilities, then each layer's keys and values so far.

        Args:
            words: (n, beams) int64, the latest.
            place: (1,) int64, how many came before.
            past: keys and values of each layer, (n * beams, heads, t, width / heads).
            picture: keys and values of each layer, (n, heads, tokens, width / heads).
        """
        model = self.decoder
        states = model.words(words.reshape(-1, 1)) * (model.size.width**0.5 / 2) + model.order[place]
        grown: list[torch.Tensor] = []
        for number, layer in enumerate(model.layers):
            new = layer.own.keys_values(layer.before_own(states))
            own = tuple(torch.cat([past[2 * number + part], new[part]], 2) for part in (0, 1))
            grown.extend(own)
            states = layer.looking(states, own, (picture[2 * number], picture[2 * number + 1]), (None, None))
        found = torch.log_softmax(model.scores(model.decoded(states)), 2)
        return (found.reshape(words.shape[0], words.shape[1], -1), *grown)
