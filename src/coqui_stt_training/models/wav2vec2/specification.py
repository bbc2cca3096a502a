"""The specification of encoders of the wav2vec 2.0 family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from stt.frontends.waveform import Waveform

from ..encoder import EncoderSpecification, linear_shapes, norm_shapes

NORMS = ("group", "layer")
_MOST_CONVOLUTIONS = 32
# Float32 values that a frame keeps for the backward pass of a block: per width, for the inputs of
# normalisations and linear layers, queries, keys and values; and per width of the MLP.
_BLOCK_WIDTHS, _MLP_WIDTHS = 10, 2
_CONVOLUTION_WIDTHS = 3  # per channel of a convolution: its output, normalised, and after GELU
_ATTENTION_MATRICES = 2  # kept for each head, if attention has a bias: the bias, and weights


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Encoder(EncoderSpecification):
    """An encoder of samples with a CTC head: wav2vec 2.0 and models like it.

    These are wav2vec 2.0 (https://arxiv.org/abs/2006.11477), XLS-R, MMS with the adapter of a
    language, HuBERT, WavLM (https://arxiv.org/abs/2110.13900) and data2vec-audio.

    Attributes:
        normalize: whether audio is normalised to mean 0 and variance 1.
        channels: output channels of each convolution over samples.
        kernels: width of each convolution.
        strides: stride of each convolution; their product is the number of samples per frame.
        convolution_norm: `group`: the channels of the first convolution are normalised over time,
            or `layer`: each frame is normalised over the channels, after every convolution.
        convolution_bias: whether convolutions have a bias.
        projection_norm: whether frames are normalised before the projection to the blocks' width.
        width: number of values of a frame.
        attention_heads: number of attention heads of a block.
        blocks: number of blocks.
        mlp_width: inner width of the MLPs.
        norm_first: whether normalisations are before attention and MLP, or after them.
        position_kernel: width of the convolutions that encode positions.
        position_groups: number of groups of their channels.
        position_depth: number of these convolutions.
        position_norm: whether their output is normalised.
        relative_buckets: number of buckets of WavLM's position bias; None: no such bias.
        relative_distance: distance in frames from which on all distances share a bucket.
        adapter_width: inner width of the adapter of a language after each block; None: no adapter.

    Raises:
        ValueError: parameters contradict each other.
    """

    architecture: ClassVar[str] = "wav2vec2"
    kind: ClassVar[str] = "a wav2vec 2.0 encoder"
    first_layer: ClassVar[str] = "convolutions"

    normalize: bool = True
    channels: tuple[int, ...] = (512,) * 7
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    convolution_norm: str = "group"
    convolution_bias: bool = False
    projection_norm: bool = True
    width: int = 768
    attention_heads: int = 12
    blocks: int = 12
    mlp_width: int = 3072
    norm_first: bool = False
    position_kernel: int = 128
    position_groups: int = 16
    position_depth: int = 1
    position_norm: bool = False
    relative_buckets: int | None = None
    relative_distance: int = 800
    adapter_width: int | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "kernels", "strides"):  # lists, if they come from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        super().__post_init__()

    def problems(self) -> Iterator[str]:
        """Yield contradictions between parameters."""
        lists = (self.channels, self.kernels, self.strides)
        if len(self.channels) > _MOST_CONVOLUTIONS:
            yield f"{len(self.channels)} convolutions"
        elif (
            len({len(values) for values in lists}) != 1
            or not self.channels
            or any(type(n) is not int or not 0 < n <= 1 << 14 for values in lists for n in values)
        ):
            yield f"convolutions {', '.join(str(list(values)) for values in lists)}"
        if self.convolution_norm not in NORMS:
            yield f"a convolution_norm of {self.convolution_norm!r}"
        if self.width % self.attention_heads:
            yield f"width {self.width} for {self.attention_heads} heads"
        if self.width % self.position_groups:
            yield f"width {self.width} for {self.position_groups} position groups"
        if self.relative_buckets is not None and self.relative_buckets < 4:
            yield f"{self.relative_buckets} relative buckets"
        elif self.relative_buckets and self.relative_distance <= self.relative_buckets // 4:
            yield f"a relative distance of {self.relative_distance} frames"

    @property
    def front_end(self) -> Waveform:
        """Front end that computes the encoder's input."""
        return Waveform(self.normalize)

    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers.

        Matrices are `[outputs, inputs]`, convolutions `[outputs, inputs of a group, kernel]`.
        """
        shapes = self._convolution_shapes()
        for block in self.block_names:
            shapes |= self._block_shapes(block)
        if self.norm_first:
            shapes |= norm_shapes(f"block_{self.blocks}.final_norm", self.width)
        return shapes

    def _convolution_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = 1
        for index, outputs in enumerate(self.channels):
            name = f"convolutions.samples.{index}"
            shapes[f"{name}.convolution.weight"] = (outputs, inputs, self.kernels[index])
            if self.convolution_bias:
                shapes[f"{name}.convolution.bias"] = (outputs,)
            if index == 0 or self.convolution_norm == "layer":
                shapes |= norm_shapes(f"{name}.norm", outputs)
            inputs = outputs
        if self.projection_norm:
            shapes |= norm_shapes("convolutions.projection_norm", inputs)
        shapes |= linear_shapes("convolutions.projection", inputs, self.width)
        grouped = (self.width, self.width // self.position_groups, self.position_kernel)
        for index in range(self.position_depth):
            shapes[f"convolutions.positions.{index}.weight"] = grouped
            shapes[f"convolutions.positions.{index}.bias"] = (self.width,)
        if not self.norm_first:
            shapes |= norm_shapes("convolutions.norm", self.width)
        if self.relative_buckets:
            shapes["convolutions.distances"] = (self.relative_buckets, self.attention_heads)
        return shapes

    def _block_shapes(self, block: str) -> dict[str, tuple[int, ...]]:
        width = self.width
        shapes = norm_shapes(f"{block}.attention_norm", width)
        for name in ("query", "key", "value", "out"):
            shapes |= linear_shapes(f"{block}.attention.{name}", width, width)
        if self.relative_buckets:
            shapes[f"{block}.attention.gate_scale"] = (self.attention_heads,)
            shapes |= linear_shapes(f"{block}.attention.gate", width // self.attention_heads, 8)
        shapes |= norm_shapes(f"{block}.mlp_norm", width)
        shapes |= linear_shapes(f"{block}.mlp_in", width, self.mlp_width)
        shapes |= linear_shapes(f"{block}.mlp_out", self.mlp_width, width)
        if self.adapter_width:
            shapes |= norm_shapes(f"{block}.adapter.norm", width)
            shapes |= linear_shapes(f"{block}.adapter.down", width, self.adapter_width)
            shapes |= linear_shapes(f"{block}.adapter.up", self.adapter_width, width)
        return shapes

    @property
    def shortest_samples(self) -> int:
        """Number of samples that the first frame depends on."""
        samples = 1
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def output_length(self, frames: int) -> int:
        """Return the number of output frames for a number of samples; there is no padding."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            frames = max(0, (frames - kernel) // stride + 1)
        return frames

    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip."""
        values = frames
        for index, channels in enumerate(self.channels):
            frames = max(0, (frames - self.kernels[index]) // self.strides[index] + 1)
            values += _CONVOLUTION_WIDTHS * frames * channels
        per_frame = _BLOCK_WIDTHS * self.width + _MLP_WIDTHS * self.mlp_width
        if self.relative_buckets:
            per_frame += _ATTENTION_MATRICES * self.attention_heads * frames
        return values + frames * (3 * self.position_depth * self.width + per_frame * self.blocks)

    def describe_encoder(self) -> str:
        """Return the encoder's parameters in a few words, for people."""
        parts = [
            f"{self.blocks} blocks of width {self.width}, {self.attention_heads} heads",
            f"a frame for {prod(self.strides)} samples",
        ]
        if self.relative_buckets:
            parts.append("relative positions")
        if self.adapter_width:
            parts.append(f"adapters of width {self.adapter_width}")
        return ", ".join(parts)
