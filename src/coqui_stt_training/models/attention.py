"""Self-attention of transformer blocks, and the MLP beside it."""

from __future__ import annotations

from torch import Tensor, nn


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
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out
