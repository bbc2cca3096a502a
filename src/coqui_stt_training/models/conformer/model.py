"""Conformer encoders with a CTC head; see `ConformerEncoder` for the models.

    stem      relu(conv 3 x 3, stride 2), several times, then a projection; or norm, projection
    block_n   x + mlp_1(x) / 2; x + attention(norm(x)); x + convolution(norm(x));
              x + mlp_2(x) / 2; norm

The output for a clip does not depend on padding: convolutions see zeros beyond its end, attention
only its own frames, and statistics of a batch leave padding out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..attention import Attention
from ..encoder_model import Drawn, EncoderModel, padding_mask, zero_beyond
from .convolution import Convolution
from .specification import ConformerEncoder


class ConvolutionStem(nn.Module):
    """Convolutions, each of which halves time and frequency, and a projection."""

    def __init__(self, specification: ConformerEncoder) -> None:
        super().__init__()
        channels = specification.stem_channels
        self.first = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.more = nn.ModuleList(
            SubsamplingConv(channels) for _ in range(specification.halvings - 1)
        )
        inputs = channels * specification.mel_channels // specification.reduction
        self.projection = nn.Linear(inputs, specification.width)
        self.scale = math.sqrt(specification.width) if specification.scale_input else 1.0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, mel]` to `[batch, frames / reduction, width]`."""
        x = self.first(zero_beyond(x, lengths)[:, None])
        x, lengths = _cut(x.relu(), (lengths + 1) // 2)
        for halving in self.more:
            x, lengths = _cut(halving(x), (lengths + 1) // 2)
        return self.projection(x.transpose(1, 2).flatten(2)) * self.scale, lengths


class SubsamplingConv(nn.Module):
    """A depthwise convolution, which halves time and frequency, and a pointwise convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[batch, channels, frames, mel]` to half the frames and half the mel."""
        out: Tensor = self.pointwise(self.depthwise(x)).relu()
        return out


def _cut(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Set `[batch, channels, frames, mel]` to zero beyond each clip's length."""
    return zero_beyond(x.transpose(1, 2), lengths).transpose(1, 2), lengths


class ProjectionStem(nn.Module):
    """A projection of frames to the width of the blocks."""

    def __init__(self, specification: ConformerEncoder) -> None:
        super().__init__()
        inputs = specification.mel_channels * specification.reduction
        self.norm = nn.LayerNorm(inputs)
        self.projection = nn.Linear(inputs, specification.width)
        self.scale = math.sqrt(specification.width) if specification.scale_input else 1.0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, values]` to `[batch, frames, width]`."""
        return self.projection(self.norm(x)) * self.scale, lengths


class SinusoidAttention(Attention, Drawn):
    """Attention with sinusoids of distances as relative positions, as in Transformer-XL.

    See section 3.3 of https://arxiv.org/abs/1901.02860.
    """

    def __init__(self, specification: ConformerEncoder) -> None:
        width, heads = specification.width, specification.attention_heads
        super().__init__(width, heads, bias=specification.bias)
        self.content_bias = nn.Parameter(torch.empty(heads, width // heads))
        self.position_bias = nn.Parameter(torch.empty(heads, width // heads))
        self.position = nn.Linear(width, width, bias=False)

    def draw(self, generator: torch.Generator) -> None:
        """Draw new weights."""
        for bias in (self.content_bias, self.position_bias):
            nn.init.normal_(bias, std=0.02, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map `[batch, frames, width]` to the same; `mask` is from `padding_mask`."""
        query, key, value = self.projected(x)
        positions = self.in_heads(self.position(distance_sinusoids(x)))
        scores = (query + self.position_bias[:, None]) @ positions.transpose(-2, -1)
        scores = _by_frame(scores) / math.sqrt(query.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.mix(query + self.content_bias[:, None], key, value, scores)


def distance_sinusoids(x: Tensor) -> Tensor:
    """Return sines and cosines of the distances of the frames of x, `[1, 2 * frames - 1, width]`.

    The first distance is `frames - 1`, to the farthest earlier frame; the last is `1 - frames`.

    Args:
        x: `[batch, frames, width]`.
    """
    frames, width = x.shape[-2:]
    rates = 10000.0 ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float32) / width)
    distances = torch.arange(frames - 1, -frames, -1, device=x.device, dtype=torch.float32)
    angles = distances[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None].to(x.dtype)


def _by_frame(scores: Tensor) -> Tensor:
    """Map scores by distance `[.., frames, 2 * frames - 1]` to scores by frame `[.., frames]`.

    Row n begins with distance n, which is that to frame 0: each row is shifted by one.
    """
    frames, distances = scores.shape[-2:]
    padded = nn.functional.pad(scores, (1, 0)).reshape(*scores.shape[:-2], distances + 1, frames)
    return padded[..., 1:, :].reshape(scores.shape)[..., :frames]


class DistanceAttention(Attention, Drawn):
    """Attention with a learnt vector for each distance, up to a maximum, in the scores.

    See https://arxiv.org/abs/1803.02155; only its vectors of keys are used.
    """

    def __init__(self, specification: ConformerEncoder) -> None:
        width, heads = specification.width, specification.attention_heads
        super().__init__(width, heads, bias=specification.bias)
        self.before, self.behind = specification.farthest_before, specification.farthest_behind
        self.distances = nn.Parameter(torch.empty(self.before + self.behind + 1, width // heads))

    def draw(self, generator: torch.Generator) -> None:
        """Draw new weights."""
        nn.init.normal_(self.distances, std=0.02, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map `[batch, frames, width]` to the same; `mask` is from `padding_mask`."""
        query, key, value = self.projected(x)
        places = torch.arange(x.shape[1], device=x.device)
        away = (places[None, :] - places[:, None]).clamp(-self.before, self.behind) + self.before
        scores = query @ self.distances.T / math.sqrt(query.shape[-1])
        scores = scores.gather(-1, away.expand(*scores.shape[:2], -1, -1))
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.mix(query, key, value, scores)


class Mlp(nn.Module):
    """A normalisation and two linear layers."""

    def __init__(self, width: int, inner: int, *, bias: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, inner, bias=bias)
        self.out = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[batch, frames, width]` to the same."""
        out: Tensor = self.out(nn.functional.silu(self.inner(self.norm(x))))
        return out


class ConformerBlock(nn.Module):
    """One Conformer block."""

    def __init__(self, specification: ConformerEncoder) -> None:
        super().__init__()
        width, inner, bias = specification.width, specification.mlp_width, specification.bias
        by_distance = specification.positions == "distances"
        self.mlp_1 = Mlp(width, inner, bias=bias)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = (DistanceAttention if by_distance else SinusoidAttention)(specification)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution = Convolution(specification)
        self.mlp_2 = Mlp(width, inner, bias=bias)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, width]` to the same."""
        x = x + 0.5 * self.mlp_1(x)
        mask = padding_mask(lengths, x.shape[1], x.device)
        x = x + self.attention(self.attention_norm(x), mask)
        x = x + self.convolution(self.convolution_norm(x), lengths)
        x = x + 0.5 * self.mlp_2(x)
        return self.norm(x), lengths


class Conformer(EncoderModel):
    """A Conformer with a CTC head."""

    specification: ConformerEncoder

    def __init__(self, specification: ConformerEncoder) -> None:
        super().__init__(specification)
        stem = ConvolutionStem if specification.stem == "convolutions" else ProjectionStem
        self.stem = stem(specification)
        for name in specification.block_names:
            self.add_module(name, ConformerBlock(specification))
        self.add_head()
