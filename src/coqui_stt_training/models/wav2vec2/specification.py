"""The parameters of a wav2vec 2.0 encoder and its kin, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from stt.frontends.waveform import Waveform

from ..encoder import EncoderSpecification, linear_shapes, norm_shapes

NORMS = ("group", "layer")
_MOST_CONVOLUTIONS = 32
# Float32 values that a frame keeps for the backward pass of a block: inputs of normalisations and
# products, queries, keys and values in widths; those within the MLP in widths of it.
_BLOCK_WIDTHS, _MLP_WIDTHS = 10, 2
_CONVOLUTION_WIDTHS = 3  # a convolution's output, normalised, and through GELU
_ATTENTION_MATRICES = 2  # kept of each head where attention has a bias: that, and the weights


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Encoder(EncoderSpecification):
    """An encoder over samples, and a CTC head: wav2vec 2.0 and what came of it.

    That is wav2vec 2.0 (https://arxiv.org/abs/2006.11477), XLS-R, MMS with its adapter of a
    language, HuBERT, WavLM (https://arxiv.org/abs/2110.13900) and data2vec-audio.

    Attributes:
        normalize: whether clips come with mean 0 and variance 1.
        channels: output channels of each convolution over samples.
        kernels: their widths.
        strides: their steps; the product is samples per frame.
        convolution_norm: `group`: the first convolution's channels are normalised over time, or
            `layer`: each frame over the channels, behind every convolution.
        convolution_bias: whether convolutions have one.
        projection_norm: whether frames are normalised before they get the blocks' width.
        width: values of a frame.
        attention_heads: of each block.
        blocks: how many.
        mlp_width: between the two products of a block's MLP.
        norm_first: whether a block normalises what enters its halves, or what leaves them.
        position_kernel: width of the convolution that tells positions.
        position_groups: of its channels.
        position_depth: how many there are; more than one are each normalised.
        position_norm: whether those are normalised.
        relative_buckets: of WavLM's position bias; None: there is none.
        relative_distance: frames from which on all distances share a bucket.
        adapter_width: of the small MLP behind each block that speaks for a language; None: none.

    Raises:
        ValueError: parameters that do not go together.
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
        for name in ("channels", "kernels", "strides"):  # lists, where they come from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        super().__post_init__()

    def problems(self) -> Iterator[str]:
        """Yield what does not go together."""
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
        """What the encoder takes."""
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
        """Samples that make the first frame."""
        samples = 1
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def output_length(self, frames: int) -> int:
        """Return how many frames come out for so many samples; convolutions are not padded."""
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
