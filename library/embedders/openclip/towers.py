"""An open_clip model's two towers as graphs worth running: the same function with the work left out that no one reads.

What is left out: of a picture, all but the class token in the last block (nothing after it reads the patches); of a
text, the padding behind its end mark (a causal model never looks there). A model of another build is taken as it is,
and the export compares every graph with the model itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Tower:
    """A function of (n, size, size, 3) uint8-valued float32 pixels or of (n, tokens) int64 ids, to be traced.

    `any_length` says that texts may be cut after the longest one's end mark.
    """

    module: torch.nn.Module
    any_length: bool = False


def image_tower(model: torch.nn.Module, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tower:
    """Return the image tower, from pixels (n, size, size, 3) of 0 to 255 in float32 to features (n, dim)."""
    import torch

    class FromPixels(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            scale = 1 / (255 * torch.tensor(std))
            self.register_buffer("scale", scale.view(1, 3, 1, 1))
            self.register_buffer("shift", (-torch.tensor(mean) * 255 * scale).view(1, 3, 1, 1))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.model.encode_image(pixels.permute(0, 3, 1, 2) * self.scale + self.shift)
            return features

    return Tower(FromPixels().eval())


def text_tower(model: torch.nn.Module) -> Tower:
    """Return the text tower, from token ids (n, tokens) to features (n, dim)."""
    import torch

    text = getattr(model, "text", model)
    pooling = getattr(text, "text_pool_type", getattr(text, "pool_type", ""))
    mask = getattr(text, "attn_mask", None)
    if mask is None or pooling not in {"argmax", "eos"} or getattr(text, "cls_emb", None) is not None:

        class WholeContext(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, ids: torch.Tensor) -> torch.Tensor:
                features: torch.Tensor = self.model.encode_text(ids)
                return features

        return Tower(WholeContext().eval())
    end_mark = getattr(text, "text_eos_id", getattr(text, "eos_id", None)) if pooling == "eos" else None

    class UpToTheEnd(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.text = text

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            length = ids.shape[1]
            states = self.text.token_embedding(ids) + self.text.positional_embedding[:length]
            states = self.text.transformer(states, attn_mask=self.text.attn_mask[:length, :length])
            marks = ids if end_mark is None else (ids == end_mark).int()
            pooled = self.text.ln_final(states[torch.arange(ids.shape[0]), marks.argmax(dim=-1)])
            projection = self.text.text_projection
            if projection is None:
                return pooled
            projected: torch.Tensor = (
                projection(pooled) if isinstance(projection, torch.nn.Module) else pooled @ projection
            )
            return projected

    return Tower(UpToTheEnd().eval(), any_length=True)


@contextmanager
def traceable(model: torch.nn.Module) -> Iterator[None]:
    """Give the model's attention a form that traces to few operations, and its last image block less to do."""
    import torch

    patched: list[torch.nn.Module] = []
    for module in model.modules():
        if type(module) is torch.nn.MultiheadAttention and module.in_proj_weight is not None:
            module.forward = partial(_attention, module)
            patched.append(module)
    last = _last_image_block(model)
    if last is not None:
        last.forward = partial(_first_token_only, last)
        patched.append(last)
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast_path)
        for module in patched:
            del module.forward


def _last_image_block(model: torch.nn.Module) -> torch.nn.Module | None:
    """Return the last block where only its first token is read, else None."""
    tower = getattr(model, "visual", None)
    reads_first = getattr(tower, "pool_type", "") == "tok" and getattr(tower, "attn_pool", None) is None
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    if not reads_first or not blocks or type(blocks[-1]).__name__ != "ResidualAttentionBlock":
        return None
    block: torch.nn.Module = blocks[-1]
    return block


def _first_token_only(block: torch.nn.Module, states: torch.Tensor, **_mask: None) -> torch.Tensor:
    """Run a residual block for the first of its tokens: (n, 1, width); the others serve as keys and values."""
    tokens = block.ln_1(states)
    first = states[:, :1] + block.ls_1(block.attn(tokens[:, :1], tokens, tokens)[0])
    result: torch.Tensor = first + block.ls_2(block.mlp(block.ln_2(first)))
    return result


def _attention(
    attention: torch.nn.MultiheadAttention,
    query: torch.Tensor,
    key: torch.Tensor,
    _value: torch.Tensor,
    *,
    attn_mask: torch.Tensor | None = None,
    need_weights: bool = False,  # noqa: ARG001 - open_clip passes it
) -> tuple[torch.Tensor, None]:
    """Self-attention of (n, tokens, width), or of fewer queries over the same tokens, without a shape read twice."""
    import torch
    from torch.nn.functional import linear

    width, heads = attention.embed_dim, attention.num_heads
    head_width = width // heads
    # The scale goes into the weights: one product less over every token.
    scale = torch.ones(3 * width, 1)
    scale[:width] = head_width**-0.5
    weight = attention.in_proj_weight * scale
    bias = None if attention.in_proj_bias is None else attention.in_proj_bias * scale[:, 0]

    def by_heads(states: torch.Tensor) -> torch.Tensor:
        return states.view(states.shape[0], -1, heads, head_width).transpose(1, 2)

    if query is key:  # one product for all three, which quantises its input once
        queries, keys, values = map(by_heads, linear(query, weight, bias).split(width, dim=-1))
    else:
        query_bias, others_bias = (None, None) if bias is None else bias.split([width, 2 * width])
        queries = by_heads(linear(query, weight[:width], query_bias))
        keys, values = map(by_heads, linear(key, weight[width:], others_bias).split(width, dim=-1))
    scores = queries @ keys.transpose(2, 3)
    if attn_mask is not None:
        scores = scores + attn_mask
    mixed = (scores.softmax(-1) @ values).transpose(1, 2).reshape(query.shape[0], -1, width)
    return linear(mixed, attention.out_proj.weight, attention.out_proj.bias), None
