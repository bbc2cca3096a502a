"""The specification of Conformer encoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from stt.frontends import FrontEnd
from stt.frontends.fbank import Fbank
from stt.frontends.normalized_log_mel import NormalizedLogMel

from ..encoder import EncoderSpecification, linear_shapes, norm_shapes
from .block_sizes import BlockSizes

STEMS = ("convolutions", "projection")
POSITIONS = ("sinusoids", "distances")
NORMS = ("batch", "layer")
_REDUCTIONS = (2, 4, 8, 16)
_ATTENTION_MATRICES = 2  # kept for each head: scores of positions, and weights


@dataclass(frozen=True, kw_only=True)
class ConformerEncoder(EncoderSpecification):
    """A Conformer (https://arxiv.org/abs/2005.08100) with a CTC head.

    With convolutions before its blocks it is NVIDIA's FastConformer
    (https://arxiv.org/abs/2305.05084), Parakeet; with a projection, w2v-BERT 2.0.

    Attributes:
        mel_channels: number of mel channels of the front end.
        stem: the first layer: `convolutions` over normalised log-mel frames, or a `projection` of
            Kaldi's filter-bank frames.
        reduction: number of input frames, 100 per second, for each output frame.
        stem_channels: number of channels of the stem's convolutions.
        width: number of values of a frame.
        attention_heads: number of attention heads of a block.
        blocks: number of blocks.
        mlp_width: inner width of the MLPs.
        kernel: width of a block's convolution.
        positions: relative positions in attention: projected `sinusoids` of distances, or a learnt
            vector for each of the `distances`.
        farthest_before: distance from which on all earlier frames share a vector.
        farthest_behind: distance from which on all later frames share a vector.
        convolution_norm: normalisation in a block's convolution: `batch`, or `layer`.
        causal: whether a block's convolution sees only earlier frames.
        bias: whether the linear layers of attention and MLPs have a bias.
        convolution_bias: whether the layers of a block's convolution have a bias.
        scale_input: whether the input of the blocks is multiplied by the root of the width.

    Raises:
        ValueError: parameters contradict each other.
    """

    architecture: ClassVar[str] = "conformer"
    kind: ClassVar[str] = "a Conformer"
    first_layer: ClassVar[str] = "stem"

    mel_channels: int = 80
    stem: str = "convolutions"
    reduction: int = 8
    stem_channels: int = 256
    width: int = 1024
    attention_heads: int = 8
    blocks: int = 24
    mlp_width: int = 4096
    kernel: int = 9
    positions: str = "sinusoids"
    farthest_before: int = 64
    farthest_behind: int = 8
    convolution_norm: str = "batch"
    causal: bool = False
    bias: bool = True
    convolution_bias: bool = True
    scale_input: bool = True

    def problems(self) -> Iterator[str]:
        """Yield contradictions between parameters."""
        for name, value, known in (
            ("stem", self.stem, STEMS),
            ("positions", self.positions, POSITIONS),
            ("convolution_norm", self.convolution_norm, NORMS),
        ):
            if value not in known:
                yield f"{name} {value!r}"
        if self.width % self.attention_heads or self.width % 2:
            yield f"width {self.width} for {self.attention_heads} heads"
        if self.kernel % 2 == 0:
            yield f"an even kernel of {self.kernel}"
        if self.stem == "convolutions" and (
            self.reduction not in _REDUCTIONS or self.mel_channels % self.reduction
        ):
            yield f"a reduction of {self.reduction} for {self.mel_channels} mel channels"

    @property
    def front_end(self) -> FrontEnd:
        """Front end that computes the encoder's input."""
        if self.stem == "convolutions":
            return NormalizedLogMel(self.mel_channels)
        return Fbank(self.mel_channels, self.reduction)

    @property
    def halvings(self) -> int:
        """Number of convolutions before the blocks that halve the number of frames."""
        return self.reduction.bit_length() - 1 if self.stem == "convolutions" else 0

    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers.

        Matrices are `[outputs, inputs]`, convolutions `[outputs, inputs of a group, kernel ...]`.
        """
        shapes = self._stem_shapes()
        for block in self.block_names:
            shapes |= self._block_shapes(block)
        return shapes

    def _stem_shapes(self) -> dict[str, tuple[int, ...]]:
        if self.stem == "projection":
            inputs = self.mel_channels * self.reduction
            return norm_shapes("stem.norm", inputs) | linear_shapes(
                "stem.projection", inputs, self.width
            )
        channels = self.stem_channels
        shapes: dict[str, tuple[int, ...]] = {
            "stem.first.weight": (channels, 1, 3, 3),
            "stem.first.bias": (channels,),
        }
        for index in range(self.halvings - 1):
            for name, shape in (("depthwise", (1, 3, 3)), ("pointwise", (channels, 1, 1))):
                shapes[f"stem.more.{index}.{name}.weight"] = (channels, *shape)
                shapes[f"stem.more.{index}.{name}.bias"] = (channels,)
        inputs = channels * self.mel_channels // self.reduction
        return shapes | linear_shapes("stem.projection", inputs, self.width)

    def _block_shapes(self, block: str) -> dict[str, tuple[int, ...]]:
        sizes = BlockSizes(
            self.width,
            self.mlp_width,
            self.kernel,
            bias=self.bias,
            key_bias=self.bias,
            convolution_bias=self.convolution_bias,
            running_norm=self.convolution_norm == "batch",
        )
        return sizes.shapes(block, self._position_shapes(f"{block}.attention"))

    def _position_shapes(self, attention: str) -> dict[str, tuple[int, ...]]:
        per_head = self.width // self.attention_heads
        if self.positions == "distances":
            count = self.farthest_before + self.farthest_behind + 1
            return {f"{attention}.distances": (count, per_head)}
        return {
            f"{attention}.content_bias": (self.attention_heads, per_head),
            f"{attention}.position_bias": (self.attention_heads, per_head),
            f"{attention}.position.weight": (self.width, self.width),
        }

    def output_length(self, frames: int) -> int:
        """Return the number of output frames; convolutions of the stem halve it, rounding up."""
        for _ in range(self.halvings):
            frames = (frames + 1) // 2
        return frames

    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip."""
        values, channels = frames * self.front_end.values, self.mel_channels
        for _ in range(self.halvings):
            frames, channels = (frames + 1) // 2, channels // 2
            values += 3 * frames * channels * self.stem_channels
        sizes = BlockSizes(self.width, self.mlp_width, self.kernel)
        matrices = _ATTENTION_MATRICES * self.attention_heads
        return values + frames * sizes.activation_values(frames, matrices, self.blocks)

    def describe_encoder(self) -> str:
        """Return the encoder's parameters in a few words, for people."""
        verb = "makes" if self.stem == "projection" else "make"
        return (
            f"{self.blocks} blocks of width {self.width}, {self.attention_heads} heads, "
            f"{self.mel_channels} mel channels, {self.stem} that {verb} {self.reduction} frames one"
        )
