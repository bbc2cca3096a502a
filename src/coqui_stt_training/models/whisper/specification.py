"""The specification of Whisper's encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from stt.frontends.log_mel import LogMel

from ..encoder import EncoderSpecification, linear_shapes, norm_shapes

HEAD_WIDTH = 64  # in all published models; some files do not say the number of heads
# Float32 values that a frame keeps for the backward pass of a block, per width: the inputs of
# normalisations and linear layers, queries, keys and values, and four widths within the MLP.
_BLOCK_WIDTHS = 18


@dataclass(frozen=True, kw_only=True)
class WhisperEncoder(EncoderSpecification):
    """The encoder of Whisper (https://arxiv.org/abs/2212.04356) with a CTC head.

    Attributes:
        mel_channels: number of mel channels of the front end.
        width: number of values of a frame.
        attention_heads: number of attention heads of a block.
        blocks: number of blocks.
        positions: number of output frames of the longest clip that is processed in one piece. An
            output frame is two frames of the front end.
    """

    architecture: ClassVar[str] = "whisper"
    kind: ClassVar[str] = "a Whisper encoder"
    first_layer: ClassVar[str] = "convolutions"

    mel_channels: int = 80
    width: int = 512
    attention_heads: int = 8
    blocks: int = 6
    positions: int = 1500

    def problems(self) -> Iterator[str]:
        """Yield contradictions between parameters."""
        if self.width % self.attention_heads or self.width % 2:
            yield f"width {self.width} for {self.attention_heads} heads"
        if self.positions % 4:
            yield f"{self.positions} positions, no multiple of 4"

    @property
    def front_end(self) -> LogMel:
        """Front end that computes the encoder's input."""
        return LogMel(self.mel_channels)

    def encoder_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the encoder's tensors by name, in the order of its layers.

        Matrices are `[outputs, inputs]`, convolutions `[outputs, inputs, 3]`.
        """
        width = self.width
        shapes: dict[str, tuple[int, ...]] = {}
        for name, inputs in (("first", self.mel_channels), ("second", width)):
            shapes[f"convolutions.{name}.weight"] = (width, inputs, 3)
            shapes[f"convolutions.{name}.bias"] = (width,)
        shapes["convolutions.positions"] = (self.positions, width)
        for block in self.block_names:
            shapes |= norm_shapes(f"{block}.attention_norm", width)
            for name in ("query", "key", "value", "out"):
                bias = name != "key"
                shapes |= linear_shapes(f"{block}.attention.{name}", width, width, bias=bias)
            shapes |= norm_shapes(f"{block}.mlp_norm", width)
            shapes |= linear_shapes(f"{block}.mlp_in", width, 4 * width)
            shapes |= linear_shapes(f"{block}.mlp_out", 4 * width, width)
        return shapes | norm_shapes(f"block_{self.blocks}.final_norm", width)

    @property
    def most_frames(self) -> int:
        """Output frames of the longest clip that is processed in one piece."""
        return min(super().most_frames, self.positions)

    def output_length(self, frames: int) -> int:
        """Return the number of output frames: half the input frames, rounding up."""
        return (frames + 1) // 2

    def encoder_activation_values(self, frames: int) -> int:
        """Return about how many float32 values the encoder keeps of a clip."""
        values = frames * (self.mel_channels + 2 * self.width)
        return values + self.output_length(frames) * _BLOCK_WIDTHS * self.width * self.blocks

    def describe_encoder(self) -> str:
        """Return the encoder's parameters in a few words, for people."""
        return (
            f"{self.blocks} blocks of width {self.width}, {self.attention_heads} heads, "
            f"{self.mel_channels} mel channels"
        )
