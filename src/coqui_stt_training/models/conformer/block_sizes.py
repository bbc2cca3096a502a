"""Tensors and training memory of a Conformer block, also in the streaming encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..encoder import linear_shapes, norm_shapes

# Float32 values that a frame keeps for the backward pass of a block: per width, for the inputs of
# normalisations, linear layers and convolutions, queries, keys and values; and per width of MLPs.
_BLOCK_WIDTHS, _MLP_WIDTHS = 20, 4


@dataclass(frozen=True)
class BlockSizes:
    """The sizes of a Conformer block.

    Attributes:
        width: number of values of a frame.
        mlp_width: inner width of the MLPs.
        kernel: width of the convolution.
        bias: whether the linear layers of attention and MLPs have a bias.
        key_bias: whether the linear layer of the keys has a bias.
        convolution_bias: whether the layers of the convolution have a bias.
        running_norm: whether the normalisation of the convolution has running statistics.
    """

    width: int
    mlp_width: int
    kernel: int
    bias: bool = True
    key_bias: bool = True
    convolution_bias: bool = True
    running_norm: bool = False

    def shapes(
        self, block: str, positions: Mapping[str, tuple[int, ...]]
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a block's tensors by name.

        Args:
            block: name of the block.
            positions: shapes of the tensors for relative positions.
        """
        width = self.width
        shapes = mlp_shapes(f"{block}.mlp_1", width, self.mlp_width, bias=self.bias)
        shapes |= norm_shapes(f"{block}.attention_norm", width)
        for name in ("query", "key", "value", "out"):
            bias = self.key_bias if name == "key" else self.bias
            shapes |= linear_shapes(f"{block}.attention.{name}", width, width, bias=bias)
        shapes |= positions
        shapes |= norm_shapes(f"{block}.convolution_norm", width)
        convolution, bias = f"{block}.convolution", self.convolution_bias
        shapes |= linear_shapes(f"{convolution}.inputs", width, 2 * width, bias=bias)
        shapes[f"{convolution}.depthwise.weight"] = (width, 1, self.kernel)
        if bias:
            shapes[f"{convolution}.depthwise.bias"] = (width,)
        shapes |= norm_shapes(f"{convolution}.norm", width)
        if self.running_norm:
            shapes[f"{convolution}.norm.running_mean"] = (width,)
            shapes[f"{convolution}.norm.running_var"] = (width,)
        shapes |= linear_shapes(f"{convolution}.outputs", width, width, bias=bias)
        shapes |= mlp_shapes(f"{block}.mlp_2", width, self.mlp_width, bias=self.bias)
        return shapes | norm_shapes(f"{block}.norm", width)

    def activation_values(self, frames: int, matrices: int, blocks: int) -> int:
        """Return about how many float32 values blocks keep of each frame for the backward pass.

        Args:
            frames: number of frames of the clip.
            matrices: number of matrices of frames by frames that the attention of a block keeps.
            blocks: number of blocks.
        """
        of_block = _BLOCK_WIDTHS * self.width + _MLP_WIDTHS * self.mlp_width + matrices * frames
        return 2 * self.width + of_block * blocks


def mlp_shapes(
    name: str, width: int, inner: int, *, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of an MLP's tensors by name, including its normalisation."""
    return {
        **norm_shapes(f"{name}.norm", width),
        **linear_shapes(f"{name}.inner", width, inner, bias=bias),
        **linear_shapes(f"{name}.out", inner, width, bias=bias),
    }
