"""The encoder of Whisper (https://arxiv.org/abs/2212.04356) with a CTC head.

    convolutions   gelu(conv 3), gelu(conv 3, stride 2), + positions
    block_n        x + attention(norm(x)); x + mlp_out(gelu(mlp_in(norm(x))))
    the last block ends with the encoder's final norm

A clip is not padded to 30 seconds, and padding within a batch is masked. Clips longer than the
number of positions are split into pieces that overlap by half. From the convolutions to the last
block, the pieces of a clip are concatenated. After that, only the frames in the middle of each
piece are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attention import Attention
from ..encoder_model import Drawn, EncoderModel, padding_mask, zero_beyond
from .specification import WhisperEncoder


class LogMelStem(Drawn):
    """Two convolutions over log-mel frames; the second one halves their number."""

    def __init__(self, specification: WhisperEncoder) -> None:
        super().__init__()
        width = specification.width
        self.first = nn.Conv1d(specification.mel_channels, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(specification.positions, width))

    def draw(self, generator: torch.Generator) -> None:
        """Set the positions to Whisper's sinusoids."""
        with torch.no_grad():
            self.positions.copy_(sinusoids(*self.positions.shape))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, mel]` to `[batch, frames / 2, width]`, or to concatenated pieces."""
        batch, most = x.shape[0], 2 * self.positions.shape[0]
        if x.shape[1] <= most:
            return self.embed(x, lengths)
        pieces, piece_lengths = overlapping_pieces(x, lengths, most)
        x, piece_lengths = self.embed(pieces, piece_lengths)
        return x.reshape(batch, -1, x.shape[-1]), piece_lengths.view(batch, -1).sum(1)

    def embed(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, mel]` to `[batch, frames / 2, width]`, for at most one piece."""
        x = nn.functional.gelu(self.first(x.transpose(1, 2))).transpose(1, 2)
        x = nn.functional.gelu(self.second(zero_beyond(x, lengths).transpose(1, 2))).transpose(1, 2)
        return x + self.positions[: x.shape[1]], (lengths + 1) // 2


def overlapping_pieces(x: Tensor, lengths: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Cut clips into pieces that overlap by half.

    Args:
        x: `[batch, frames, values]`.
        lengths: `[batch]`, number of frames of each clip.
        most: number of frames of a piece.

    Returns:
        The pieces, `[batch * pieces, most, values]`, and the number of frames of each piece, which
        is 0 for pieces that a clip does not need.
    """
    shift = most // 2
    count = 1 + -(-(x.shape[1] - most) // shift)
    x = nn.functional.pad(x, (0, 0, 0, (count - 1) * shift + most - x.shape[1]))
    pieces = x.unfold(1, most, shift).transpose(2, 3).flatten(0, 1)
    starts = torch.arange(count) * shift
    piece_lengths = (lengths[:, None] - starts).clamp(0, most)
    needed = (starts == 0) | (starts + shift < lengths[:, None])
    return pieces, (piece_lengths * needed).flatten()


def stitched(x: Tensor, lengths: Tensor, positions: int) -> tuple[Tensor, Tensor]:
    """Undo `overlapping_pieces`: keep the frames in the middle of each piece.

    Args:
        x: `[batch, pieces * positions, width]`.
        lengths: `[batch]`, number of frames of all pieces of a clip together.
        positions: number of frames of a piece.
    """
    half, quarter = positions // 2, positions // 4
    last = (lengths.clamp(min=1) - 1) // positions
    lengths = lengths - last * half
    frames = torch.arange(int(lengths.max()))
    piece = ((frames - quarter) // half).clamp(min=0).minimum(last[:, None])
    kept = (frames + piece * half).clamp(max=x.shape[1] - 1).to(x.device)
    return x.gather(1, kept[:, :, None].expand(-1, -1, x.shape[-1])), lengths


class WhisperBlock(nn.Module):
    """A transformer block, with normalisations before attention and MLP."""

    def __init__(self, specification: WhisperEncoder, *, is_last: bool) -> None:
        super().__init__()
        width, heads = specification.width, specification.attention_heads
        self.positions = specification.positions
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, key_bias=False)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)
        self.final_norm = nn.LayerNorm(width) if is_last else None

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, width]` to the same."""
        x = x + self._attend(self.attention_norm(x), lengths)
        x = x + self.mlp_out(nn.functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return (x if self.final_norm is None else self.final_norm(x)), lengths

    def _attend(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Attend within each piece of `[batch, frames, width]`."""
        batch, frames, most = x.shape[0], x.shape[1], self.positions
        if frames > most:
            x = nn.functional.pad(x, (0, 0, 0, -frames % most))
            starts = torch.arange(0, x.shape[1], most)
            lengths = (lengths[:, None] - starts).clamp(0, most).flatten()
            x = x.reshape(-1, most, x.shape[-1])
        x = self.attention(x, padding_mask(lengths, x.shape[1], x.device))
        return x.reshape(batch, -1, x.shape[-1])[:, :frames]


class Whisper(EncoderModel):
    """Whisper's encoder with a CTC head."""

    specification: WhisperEncoder

    def __init__(self, specification: WhisperEncoder) -> None:
        super().__init__(specification)
        self.convolutions = LogMelStem(specification)
        for number, name in enumerate(specification.block_names, 1):
            block = WhisperBlock(specification, is_last=number == specification.blocks)
            self.add_module(name, block)
        self.add_head()

    def end_encoder(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Join the pieces of long clips; see `stitched`."""
        positions = self.specification.positions
        return (x, lengths) if x.shape[1] <= positions else stitched(x, lengths, positions)


def sinusoids(positions: int, width: int) -> Tensor:
    """Return Whisper's position embedding, float32 `[positions, width]`."""
    rates = torch.exp(
        -torch.arange(width // 2) * (torch.log(torch.tensor(10000.0)) / (width // 2 - 1))
    )
    angles = torch.arange(positions)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
