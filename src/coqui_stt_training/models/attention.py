"""Self-attention of transformer blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MOST_FRAMES_IN_PARTS = 512


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int, *, bias: bool = True, key_bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias and key_bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map `[batch, frames, width]` to the same.

        Args:
            x: the input.
            mask: broadcast to `[batch, heads, frames, frames]`: bool, whether a frame may attend to
                another, or float, a bias that is added to the scores.
        """
        return self.mix(*self.projected(x), mask)

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, `[batch, heads, frames, width / heads]`."""
        return (
            self.in_heads(self.query(x)),
            self.in_heads(self.key(x)),
            self.in_heads(self.value(x)),
        )

    def in_heads(self, x: Tensor) -> Tensor:
        """Map `[batch, frames, width]` to `[batch, heads, frames, width / heads]`."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Return the output of attention, `[batch, frames, width]`; see `forward` for the mask."""
        if _is_quicker_in_parts(query):
            mixed = mix_in_parts(query, key, value, mask)
        else:
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


def _is_quicker_in_parts(query: Tensor) -> bool:
    """Say whether `mix_in_parts` is faster than PyTorch's `scaled_dot_product_attention`.

    In bfloat16 on a CPU the backward pass of the latter takes seven times its forward pass, and
    both together up to four times as long; in float32 it is faster. It saves much memory for long
    clips.
    """
    is_short = query.shape[-2] <= _MOST_FRAMES_IN_PARTS
    in_bfloat16 = query.dtype == torch.bfloat16 and query.device.type == "cpu"
    return is_short and in_bfloat16 and query.requires_grad


def mix_in_parts(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Compute `scaled_dot_product_attention` as two products and a softmax.

    All attention weights are kept for the backward pass.

    Args:
        query: `[batch, heads, frames, values]`, as are `key` and `value`.
        key: keys of the frames.
        value: values of the frames.
        mask: see `Attention.forward`.
    """
    products = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if mask is not None and mask.dtype == torch.bool:
        products = products.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        products = products + mask
    mixed: Tensor = products.softmax(-1).to(value.dtype) @ value
    return mixed
