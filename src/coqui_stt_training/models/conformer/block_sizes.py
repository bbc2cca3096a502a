"""What tensors a Conformer block has, and what it keeps, here and in the streaming encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..encoder import linear_shapes, norm_shapes

# Float32 values that a frame keeps for the backward pass of a block: inputs of normalisations and
# products, queries, keys, values and convolutions in widths; those within both MLPs in theirs.
_BLOCK_WIDTHS, _MLP_WIDTHS = 20, 4


@dataclass(frozen=True)
class BlockSizes:
    """The sizes of a Conformer block.

    Attributes:
        width: values of a frame.
        mlp_width: between the two products of an MLP.
        kernel: width of the convolution.
        bias: whether products of attention and MLPs have one.
        key_bias: whether that of the keys has one.
        convolution_bias: whether those of the convolution have one.
        running_norm: whether the convolution's normalisation keeps means and variances.
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
            block: its name.
            positions: of the tensors by which its attention knows positions.
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
            frames: of the clip.
            matrices: of frames by frames that the attention of a block keeps.
            blocks: how many.
        """
        of_block = _BLOCK_WIDTHS * self.width + _MLP_WIDTHS * self.mlp_width + matrices * frames
        return 2 * self.width + of_block * blocks


def mlp_shapes(
    name: str, width: int, inner: int, *, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of an MLP's tensors by name, its normalisation among them."""
    return {
        **norm_shapes(f"{name}.norm", width),
        **linear_shapes(f"{name}.inner", width, inner, bias=bias),
        **linear_shapes(f"{name}.out", inner, width, bias=bias),
    }
