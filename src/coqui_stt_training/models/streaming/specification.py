"""The specification of streaming encoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from stt.frontends.causal_log_mel import CausalLogMel

from ..conformer.block_sizes import BlockSizes
from ..encoder import EncoderSpecification, linear_shapes

_REDUCTIONS = (2, 4, 8)
_ATTENTION_MATRICES = 3  # kept for each head: biases of distances, scores, and weights


@dataclass(frozen=True, kw_only=True)
class StreamingEncoder(EncoderSpecification):
    """A Conformer (https://arxiv.org/abs/2005.08100) that sees only its chunk and earlier frames.

    As in "Stateful Conformer with Cache-based Inference" (https://arxiv.org/abs/2312.17279), the
    limits of streaming hold in training too: convolutions see earlier frames, and attention sees
    its chunk and some frames before it. So a stream gives the same output as the whole clip, and
    nothing is computed twice. Different from there, attention has a learnt bias for each head and
    distance, as in T5 (https://arxiv.org/abs/1910.10683), each frame is normalised by itself, and
    the convolutions before the blocks are causal too.

    Attributes:
        mel_channels: number of mel channels of the front end.
        tail_milliseconds: length of the silence that the front end appends to a clip.
        reduction: number of input frames, 100 per second, for each output frame.
        stem_channels: number of channels of the convolutions before the blocks.
        width: number of values of a frame.
        attention_heads: number of attention heads of a block.
        blocks: number of blocks.
        mlp_width: inner width of the MLPs.
        kernel: width of a block's convolution, over a frame and those before it.
        chunk_frames: output frames of a chunk, which is the latency of a live stream.
        left_frames: output frames before its chunk that attention sees.

    Raises:
        ValueError: parameters contradict each other.
    """

    architecture: ClassVar[str] = "streaming_conformer"
    kind: ClassVar[str] = "a streaming encoder"
    first_layer: ClassVar[str] = "stem"
    takes_bottlenecks: ClassVar[bool] = False
    takes_mix: ClassVar[bool] = False

    mel_channels: int = 80
    tail_milliseconds: int = 240
    reduction: int = 4
    stem_channels: int = 32
    width: int = 144
    attention_heads: int = 4
    blocks: int = 8
    mlp_width: int = 576
    kernel: int = 9
    chunk_frames: int = 8
    left_frames: int = 64

    def problems(self) -> Iterator[str]:
        """Yield contradictions between parameters."""
        if self.width % self.attention_heads:
            yield f"width {self.width} for {self.attention_heads} heads"
        if self.reduction not in _REDUCTIONS or self.mel_channels % self.reduction:
            yield f"a reduction of {self.reduction} for {self.mel_channels} mel channels"
        if self.kernel < 2:
            yield f"a kernel of {self.kernel}"

    @property
    def front_end(self) -> CausalLogMel:
        """Front end that computes the encoder's input."""
        return CausalLogMel(self.mel_channels, self.tail_milliseconds)

    @property
    def halvings(self) -> int:
        """Number of convolutions before the blocks that halve the number of frames."""
        return self.reduction.bit_length() - 1

    @property
    def distances(self) -> int:
        """Number of different distances between a frame and those that it attends to."""
        return self.left_frames + 2 * self.chunk_frames - 1

    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers.

        Matrices are `[outputs, inputs]`, convolutions `[outputs, inputs of a group, kernel ...]`.
        """
        channels = self.stem_channels
        shapes: dict[str, tuple[int, ...]] = {}
        for index in range(self.halvings):
            name = f"stem.halvings.{index}"
            shapes[f"{name}.depthwise.weight"] = (channels, 1, 3, 3)
            shapes[f"{name}.depthwise.bias"] = (channels,)
            if index:
                shapes[f"{name}.pointwise.weight"] = (channels, channels, 1, 1)
                shapes[f"{name}.pointwise.bias"] = (channels,)
        inputs = channels * self.mel_channels // self.reduction
        shapes |= linear_shapes("stem.projection", inputs, self.width)
        for block in self.block_names:
            shapes |= self._block_shapes(block)
        return shapes

    def _block_shapes(self, block: str) -> dict[str, tuple[int, ...]]:
        sizes = BlockSizes(self.width, self.mlp_width, self.kernel, key_bias=False)
        distances = (self.attention_heads, self.distances)
        return sizes.shapes(block, {f"{block}.distances.bias": distances})

    def output_length(self, frames: int) -> int:
        """Return the number of output frames: one for each `reduction` complete input frames."""
        return frames // self.reduction

    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip."""
        values, channels = frames * self.mel_channels, self.mel_channels
        for _ in range(self.halvings):
            frames, channels = frames // 2, channels // 2
            values += 3 * frames * channels * self.stem_channels
        sizes = BlockSizes(self.width, self.mlp_width, self.kernel)
        matrices = _ATTENTION_MATRICES * self.attention_heads
        return values + frames * sizes.activation_values(frames, matrices, self.blocks)

    def describe_encoder(self) -> str:
        """Return the encoder's parameters in a few words, for people."""
        frame_milliseconds = round(1000 * self.front_end.step_seconds * self.reduction)
        return (
            f"{self.blocks} blocks of width {self.width}, {self.attention_heads} heads, "
            f"{self.mel_channels} mel channels, frames of {frame_milliseconds} ms, chunks of "
            f"{frame_milliseconds * self.chunk_frames} ms after "
            f"{frame_milliseconds * self.left_frames} ms"
        )
