"""The encoder of Whisper (https://arxiv.org/abs/2212.04356), and a CTC head.

    convolutions   gelu(conv 3), gelu(conv 3, stride 2), + positions
    block_n        x + attention(norm(x)); x + mlp_out(gelu(mlp_in(norm(x))))
    the last block ends with the encoder's final norm

A clip has as many frames as it is long: it is not filled up to 30 seconds, and padding within a
batch is masked. Clips longer than the positions are taken in pieces that overlap by half.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..dropout import NO_DROPOUT, Dropout
from ..encoder_model import EncoderModel, padding_mask
from .specification import WhisperEncoder


class Convolutions(nn.Module):
    """Two convolutions over log-mel frames, of which the second halves their number."""

    def __init__(self, specification: WhisperEncoder) -> None:
        super().__init__()
        width = specification.width
        self.first = nn.Conv1d(specification.mel_channels, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(specification.positions, width))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, mel]` to `[batch, frames / 2, width]`."""
        x = _zero_beyond(nn.functional.gelu(self.first(x.transpose(1, 2))), lengths)
        x = nn.functional.gelu(self.second(x)).transpose(1, 2)
        return x + self.positions[: x.shape[1]], (lengths + 1) // 2


def _zero_beyond(x: Tensor, lengths: Tensor) -> Tensor:
    """Set `[batch, values, frames]` to zero beyond each clip's length."""
    if bool((lengths == x.shape[2]).all()):
        return x
    return x * (torch.arange(x.shape[2]) < lengths[:, None]).to(x.device)[:, None, :]


class Attention(nn.Module):
    """Self-attention; keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map `[batch, frames, width]` to the same; the mask is `padding_mask`'s."""
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """One transformer block, normalised before each half."""

    def __init__(self, width: int, heads: int, *, is_last: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)
        self.final_norm = nn.LayerNorm(width) if is_last else None

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, width]` to the same."""
        x = x + self.attention(self.attention_norm(x), padding_mask(lengths, x.shape[1], x.device))
        x = x + self.mlp_out(nn.functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return (x if self.final_norm is None else self.final_norm(x)), lengths


class Whisper(EncoderModel):
    """The acoustic model."""

    specification: WhisperEncoder

    def __init__(self, specification: WhisperEncoder) -> None:
        super().__init__(specification)
        self.convolutions = Convolutions(specification)
        for number, name in enumerate(specification.encoder_layers[1:], 1):
            block = Block(
                specification.width,
                specification.attention_heads,
                is_last=number == specification.blocks,
            )
            self.add_module(name, block)
        self.add_head()

    def initialize_layer(self, name: str, generator: torch.Generator) -> None:
        """Draw new weights for a layer; positions are Whisper's sinusoids."""
        super().initialize_layer(name, generator)
        if name == "convolutions":
            with torch.no_grad():
                self.convolutions.positions.copy_(sinusoids(*self.convolutions.positions.shape))

    def run(
        self,
        x: Tensor,
        lengths: Tensor,
        dropout: Dropout = NO_DROPOUT,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run some of the layers, in pieces where the clips are too long for the encoder."""
        encoder_end = len(self.specification.encoder_layers)
        most = self.specification.positions * (2 if first == 0 else 1)
        if first >= encoder_end or x.shape[1] <= most:
            return super().run(x, lengths, dropout, first=first, last=last)
        stop = encoder_end if last is None else min(last, encoder_end)
        x, lengths = self._run_in_pieces(x, lengths, dropout, first, stop, most)
        return super().run(x, lengths, dropout, first=stop, last=last)

    def _run_in_pieces(
        self, x: Tensor, lengths: Tensor, dropout: Dropout, first: int, last: int, most: int
    ) -> tuple[Tensor, Tensor]:
        """Run layers over pieces that overlap by half, and keep of each what is farthest inside."""
        shift, quarter = most // 2, most // 4
        per_frame = 2 if first == 0 else 1  # frames of the input that make one of the output
        kept = []
        starts = range(0, x.shape[1] - most + shift, shift)
        for start in starts:
            piece = x[:, start : start + most]
            piece_lengths = (lengths - start).clamp(min=0, max=piece.shape[1])
            # A clip that ends before this piece still needs a frame to look at.
            out, _ = super().run(piece, piece_lengths.clamp(min=1), dropout, first=first, last=last)
            begin = 0 if start == 0 else quarter // per_frame
            end = None if start == starts[-1] else (most - quarter) // per_frame
            kept.append(out[:, begin:end])
        out_lengths = (lengths + 1) // 2 if first == 0 else lengths
        return torch.cat(kept, dim=1), out_lengths


def sinusoids(positions: int, width: int) -> Tensor:
    """Return Whisper's position embedding, float32 `[positions, width]`."""
    rates = torch.exp(
        -torch.arange(width // 2) * (torch.log(torch.tensor(10000.0)) / (width // 2 - 1))
    )
    angles = torch.arange(positions)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
