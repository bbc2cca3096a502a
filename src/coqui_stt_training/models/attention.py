"""Self-attention of transformer blocks, and the MLP beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MOST_FRAMES_IN_PARTS = 512


class Attention(nn.Module):
    """Self-attention of several heads."""

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
            x: what enters.
            mask: broadcast to `[batch, heads, frames, frames]`: bool, where a frame may look at
                another, or float, what is added to their product.
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
        """Return the values that each query finds, `[batch, frames, width]`."""
        if _is_quicker_in_parts(query):
            mixed = mix_in_parts(query, key, value, mask)
        else:
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


def _is_quicker_in_parts(query: Tensor) -> bool:
    """Say whether PyTorch's own attention would take longer than its products one by one.

    In bfloat16 on a CPU its backward pass takes seven times its forward pass, and both together up
    to four times as long; in float32 it is the quicker one. Of long clips it saves much memory.
    """
    is_short = query.shape[-2] <= _MOST_FRAMES_IN_PARTS
    in_bfloat16 = query.dtype == torch.bfloat16 and query.device.type == "cpu"
    return is_short and in_bfloat16 and query.requires_grad


def mix_in_parts(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return what `scaled_dot_product_attention` does; it keeps all weights for the backward pass.

    Args:
        query: `[batch, heads, frames, values]`, as are `key` and `value`.
        key: what it is compared with.
        value: what is found.
        mask: see `Attention.forward`.
    """
    products = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if mask is not None and mask.dtype == torch.bool:
        products = products.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        products = products + mask
    mixed: Tensor = products.softmax(-1).to(value.dtype) @ value
    return mixed
