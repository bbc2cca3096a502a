"""The wav2vec 2.0 family with a CTC head; see `Wav2Vec2Encoder` for the models.

    convolutions   gelu(norm(conv)) over samples, several times; norm, projection;
                   + gelu(a wide grouped conv), which encodes positions; norm, if not norm_first
    block_n        norm(x + attention(x)); norm(x + mlp_out(gelu(mlp_in(x)))), or, if norm_first,
                   x + attention(norm(x)); x + mlp_out(gelu(mlp_in(norm(x))))
    the last block ends with the encoder's final norm, if norm_first

The output for a clip does not depend on padding: statistics over time are those of its own frames,
and convolutions see zeros beyond its end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..adapter_modules import ResidualMlp
from ..attention import Attention
from ..encoder_model import Drawn, EncoderModel, padding_mask, zero_beyond
from .specification import Wav2Vec2Encoder

_VARIANCE_FLOOR = 1e-5  # of normalisations, PyTorch's default


class SampleConvolution(nn.Module):
    """gelu(norm(conv)), without padding, so that a clip's frames depend only on its samples."""

    def __init__(self, specification: Wav2Vec2Encoder, index: int) -> None:
        super().__init__()
        outputs = specification.channels[index]
        self.convolution = nn.Conv1d(
            specification.channels[index - 1] if index else 1,
            outputs,
            specification.kernels[index],
            specification.strides[index],
            bias=specification.convolution_bias,
        )
        self.norm: nn.Module | None = None
        if specification.convolution_norm == "layer":
            self.norm = nn.LayerNorm(outputs)
        elif index == 0:
            self.norm = TimeNorm(outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[batch, inputs, frames]` to `[batch, outputs, frames]`."""
        kernel, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        x, lengths = self.convolution(x), ((lengths - kernel) // stride + 1).clamp(min=0)
        if isinstance(self.norm, TimeNorm):
            x = self.norm(x, lengths)
        elif self.norm is not None:
            x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return nn.functional.gelu(x), lengths


class TimeNorm(Drawn):
    """Normalises each channel over the frames of a clip, then scales and shifts it.

    This is PyTorch's `GroupNorm` with as many groups as channels, but it leaves padding out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def draw(self, generator: torch.Generator) -> None:
        """Set scale 1 and shift 0."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map `[batch, channels, frames]` to the same."""
        if bool((lengths == x.shape[2]).all()):
            return nn.functional.group_norm(x, x.shape[1], self.weight, self.bias, _VARIANCE_FLOOR)
        valid = (torch.arange(x.shape[2]) < lengths[:, None]).to(x.device)[:, None, :]
        counts = lengths.clamp(min=1).to(x.device)[:, None, None]
        mean = (x * valid).sum(2, keepdim=True) / counts
        deviation = (x - mean) * valid
        variance = (deviation**2).sum(2, keepdim=True) / counts
        normalised = deviation * (variance + _VARIANCE_FLOOR).rsqrt()
        return normalised * self.weight[:, None] + self.bias[:, None]


class WaveformStem(Drawn):
    """The first layer: from samples to frames with encoded positions."""

    def __init__(self, specification: Wav2Vec2Encoder) -> None:
        super().__init__()
        width, outputs = specification.width, specification.channels[-1]
        self.shortest_samples = specification.shortest_samples
        self.samples = nn.ModuleList(
            SampleConvolution(specification, index) for index in range(len(specification.channels))
        )
        self.projection_norm = nn.LayerNorm(outputs) if specification.projection_norm else None
        self.projection = nn.Linear(outputs, width)
        self.positions = nn.ModuleList(
            nn.Conv1d(
                width,
                width,
                specification.position_kernel,
                padding=specification.position_kernel // 2,
                groups=specification.position_groups,
            )
            for _ in range(specification.position_depth)
        )
        self.position_norm = specification.position_norm
        self.norm = None if specification.norm_first else nn.LayerNorm(width)
        self.distances: nn.Parameter | None = None
        if specification.relative_buckets:
            self.distances = nn.Parameter(
                torch.empty(specification.relative_buckets, specification.attention_heads)
            )

    def draw(self, generator: torch.Generator) -> None:
        """Draw a small bias of distances."""
        if self.distances is not None:
            nn.init.normal_(self.distances, std=0.02, generator=generator)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map samples `[batch, samples, 1]` to `[batch, frames, width]`."""
        x = x.transpose(1, 2)
        x = nn.functional.pad(x, (0, max(0, self.shortest_samples - x.shape[2])))
        for convolution in self.samples:
            x, lengths = convolution(x, lengths)
        x = x.transpose(1, 2)
        if self.projection_norm is not None:
            x = self.projection_norm(x)
        x = zero_beyond(self.projection(x), lengths)
        x = x + self.position_values(x, lengths)
        return (x if self.norm is None else self.norm(x)), lengths

    def position_values(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the encoded positions of frames, `[batch, frames, width]`."""
        for convolution in self.positions:
            # With an even kernel, there is one frame too many.
            out = convolution(zero_beyond(x, lengths).transpose(1, 2))[:, :, : x.shape[1]]
            x = out.transpose(1, 2)
            if self.position_norm:
                x = nn.functional.layer_norm(x, x.shape[-1:])
            x = nn.functional.gelu(x)
        return x


class GatedAttention(Attention, Drawn):
    """Attention with WavLM's gated relative position bias.

    A gate of each frame scales the bias for its distance to other frames. See section 4 of
    https://arxiv.org/abs/2110.13900.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.gate_scale = nn.Parameter(torch.empty(heads))
        self.gate = nn.Linear(width // heads, 8)

    def draw(self, generator: torch.Generator) -> None:
        """Set the scale of gates to 1."""
        nn.init.ones_(self.gate_scale)

    def position_bias(self, x: Tensor, bias: Tensor, mask: Tensor | None) -> Tensor:
        """Return the gated bias of the scores, `[batch, heads, frames, frames]`; -inf where masked.

        Args:
            x: `[batch, frames, width]`, input of the block's attention.
            bias: `[heads, frames, frames]`, see `distance_bias`.
            mask: mask from `padding_mask`.
        """
        gates = self.gate(self.in_heads(x))
        gates = gates.reshape(*gates.shape[:-1], 2, 4).sum(-1).sigmoid()
        update, reset = gates[..., :1], gates[..., 1:]
        gated = (update * (reset * self.gate_scale[:, None, None] - 1.0) + 2.0) * bias
        if mask is not None:
            gated = gated.masked_fill(~mask, -math.inf)
        out: Tensor = gated
        return out


class Wav2Vec2Block(nn.Module):
    """A transformer block: attention, an MLP, and a normalisation before or after each."""

    def __init__(self, specification: Wav2Vec2Encoder, *, is_last: bool) -> None:
        super().__init__()
        width, heads = specification.width, specification.attention_heads
        attention = GatedAttention if specification.relative_buckets else Attention
        self.norm_first = specification.norm_first
        self.attention_norm = nn.LayerNorm(width)
        self.attention = attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, specification.mlp_width)
        self.mlp_out = nn.Linear(specification.mlp_width, width)
        inner = specification.adapter_width
        # MMS has such an adapter for each language.
        self.adapter = ResidualMlp(width, inner) if inner else None
        self.final_norm = nn.LayerNorm(width) if is_last and self.norm_first else None

    def forward(
        self, x: Tensor, lengths: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map `[batch, frames, width]` to the same; `bias` is from `distance_bias`."""
        mask = padding_mask(lengths, x.shape[1], x.device)
        if self.norm_first:
            x = x + self._attend(self.attention_norm(x), mask, bias)
            x = x + self._mlp(self.mlp_norm(x))
        else:
            x = self.attention_norm(x + self._attend(x, mask, bias))
            x = self.mlp_norm(x + self._mlp(x))
        if self.adapter is not None:
            x = self.adapter(x)
        return (x if self.final_norm is None else self.final_norm(x)), lengths

    def _attend(self, x: Tensor, mask: Tensor | None, bias: Tensor | None) -> Tensor:
        if bias is not None and isinstance(self.attention, GatedAttention):
            mask = self.attention.position_bias(x, bias, mask)
        out: Tensor = self.attention(x, mask)
        return out

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp_out(nn.functional.gelu(self.mlp_in(x)))
        return out


class Wav2Vec2(EncoderModel):
    """An encoder of the wav2vec 2.0 family with a CTC head."""

    specification: Wav2Vec2Encoder

    def __init__(self, specification: Wav2Vec2Encoder) -> None:
        super().__init__(specification)
        self.convolutions = WaveformStem(specification)
        for number, name in enumerate(specification.block_names, 1):
            self.add_module(
                name, Wav2Vec2Block(specification, is_last=number == specification.blocks)
            )
        self.add_head()

    def run_layer(self, name: str, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run one layer; see `EncoderModel.run_layer`.

        Blocks share the bias of distances, which is a parameter of the first layer.
        """
        block = self.get_submodule(name)
        distances = self.convolutions.distances
        if not isinstance(block, Wav2Vec2Block) or distances is None:
            return super().run_layer(name, x, lengths)
        bias = distance_bias(distances, x.shape[1], self.specification.relative_distance)
        biased: tuple[Tensor, Tensor] = block(x, lengths, bias)
        return biased


def distance_bias(distances: Tensor, frames: int, most: int) -> Tensor:
    """Return the bias of each pair of frames, `[heads, frames, frames]`.

    Args:
        distances: `[buckets, heads]`; the first half of the buckets is for earlier frames, the
            second half for later ones. In each half, the first buckets are for one distance each,
            and the others for logarithmically growing ranges.
        frames: number of frames.
        most: distance from which on all share the last bucket.
    """
    places = torch.arange(frames, device=distances.device)
    offsets = torch.arange(1 - frames, frames, device=distances.device)
    one_way = distances.shape[0] // 2
    exact = one_way // 2
    away = offsets.abs()
    share = torch.log(away.float() / exact) / math.log(most / exact)
    wide = exact + (share * (one_way - exact)).clamp(min=0).long()
    bucket = torch.where(away < exact, away, wide.clamp(max=one_way - 1))
    values = distances[bucket + (offsets > 0) * one_way]
    return values[places[None, :] - places[:, None] + frames - 1].permute(2, 0, 1)
