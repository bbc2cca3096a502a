"""The layers of encoders as ONNX operators over rows `[frames, values]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from ...checkpoints.source import Tensors
from ...models.adapter import BOTTLENECK
from ...models.encoder import MIX
from ..onnx_graph import MICROSOFT, GraphBuilder, onnx_gates
from .deployment import Precision

FloatArray = NDArray[np.float32]

# Weights take 7 bits, since processors without VNNI add pairs of products in 16 bits.
_LARGEST_INT8 = 63
_NORM_EPSILON = 1e-5
_ABOVE_ZERO = 1e-12  # prevents division by zero in rows of zeros
_TO_END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Layers:
    """Writes layers into a graph.

    Attributes:
        builder: graph builder.
        tensors: tensors of the model, by their names in its specification.
        precision: type in which matrices of products are stored; with int8 the products are also
            computed in int8. Everything else is float32.
        of_blocks: output of each block written so far, by the block's name.
    """

    builder: GraphBuilder
    tensors: Tensors
    precision: Precision
    of_blocks: dict[str, str] = field(default_factory=dict)

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant in the type of its values."""
        return self.builder.constant(name, values)

    def stored(self, name: str, values: FloatArray) -> str:
        """Add a float32 constant, stored as float16 if `precision` is float16."""
        if self.precision != "float16":
            return self.builder.constant(name, values)
        half = self.builder.constant(name, values.astype(np.float16))
        return self.builder.emit("Cast", half, to=TensorProto.FLOAT)

    def linear(self, x: str, layer: str) -> str:
        """Return `W x + b`, with `layer.weight` and, if it exists, `layer.bias`."""
        return self.product(
            x, f"{layer}.weight", self.tensors[f"{layer}.weight"], self.tensors.get(f"{layer}.bias")
        )

    def product(
        self, x: str, name: str, weight: FloatArray, bias: FloatArray | None, *, fine: bool = False
    ) -> str:
        """Return the product of rows and a matrix, plus a bias.

        Args:
            x: `[frames, inputs]`.
            name: name of the matrix in the file.
            weight: `[outputs, inputs]`.
            bias: `[outputs]`, or None.
            fine: whether the input needs more precision than int8.
        """
        emit = self.builder.emit
        if self.precision == "int8" and not fine:
            out = self._int8_product(x, name, weight)
        else:
            out = emit("MatMul", x, self.stored(name, weight.T))
        return out if bias is None else emit("Add", out, self.constant(f"{name}.bias", bias))

    def _int8_product(self, x: str, name: str, weight: FloatArray) -> str:
        """Return the product of rows and a matrix, both in int8.

        Each row is first divided by its largest magnitude: some frames are a hundred times as large
        as others (arXiv 2208.07339), and with a common scale small rows would lose all precision.
        """
        emit = self.builder.emit
        scales = _int8_scales(weight, axis=1)
        rounded = np.rint(weight / scales).astype(np.int8)
        largest = emit("ReduceMax", emit("Abs", x), self.builder.integers(-1), keepdims=1)
        largest = emit("Add", largest, self.constant("above_zero", np.float32(_ABOVE_ZERO)))
        values, scale, zero = self.builder.emit_many(
            "DynamicQuantizeLinear", 3, emit("Div", x, largest)
        )
        product = emit("MatMulInteger", values, self.constant(name, rounded.T), zero)
        factors = emit("Mul", scale, self.constant(f"{name}.scale", scales[:, 0]))
        scaled = emit("Mul", emit("Cast", product, to=TensorProto.FLOAT), factors)
        return emit("Mul", scaled, largest)

    def norm(self, x: str, layer: str) -> str:
        """Return layer normalisation over each row."""
        return self.scaled_norm(
            x, layer, self.tensors[f"{layer}.weight"], self.tensors[f"{layer}.bias"]
        )

    def scaled_norm(self, x: str, name: str, weight: FloatArray, bias: FloatArray) -> str:
        """Return layer normalisation over each row, with the given weight and bias."""
        parameters = (self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias))
        return self.builder.emit(
            "LayerNormalization", x, *parameters, axis=-1, epsilon=_NORM_EPSILON
        )

    def gelu(self, x: str) -> str:
        """Return exact GELU, without the tanh approximation."""
        return self.builder.emit("Gelu", x)

    def silu(self, x: str) -> str:
        """Return `x * sigmoid(x)`."""
        return self.builder.emit("Mul", x, self.builder.emit("Sigmoid", x))

    def gated(self, x: str, layer: str) -> str:
        """Return a gated linear unit: half a layer's output times the sigmoid of the other half."""
        values, gates = self.builder.emit_many(
            "Split", 2, self.linear(x, layer), axis=1, num_outputs=2
        )
        return self.builder.emit("Mul", values, self.builder.emit("Sigmoid", gates))

    def add(self, x: str, y: str) -> str:
        """Return the sum."""
        return self.builder.emit("Add", x, y)

    def mlp(self, x: str, inner: str, outer: str, *, silu: bool = False) -> str:
        """Return `outer(gelu(inner(x)))`, or with SiLU instead of GELU."""
        hidden = self.linear(x, inner)
        return self.linear(self.silu(hidden) if silu else self.gelu(hidden), outer)

    def end_block(self, x: str, block: str) -> str:
        """Apply a block's adapter, store the block's output for `mixed`, and return it."""
        self.of_blocks[block] = self.adapted(x, f"{block}.{BOTTLENECK}")
        return self.of_blocks[block]

    def mixed(self, blocks: Sequence[str], width: int) -> str:
        """Return the weighted mean of the outputs of blocks; see `models.encoder_model.Mix`.

        Args:
            blocks: names of the blocks.
            width: number of values of a row.
        """
        weight, ones = self.tensors[f"{MIX}.weight"], np.ones(width, np.float32)
        shares = np.exp(weight - weight.max())
        parts = [
            self.scaled_norm(self.of_blocks[block], f"{MIX}.{block}", share * ones, 0 * ones)
            for block, share in zip(blocks, shares / shares.sum(), strict=True)
        ]
        return reduce(self.add, parts)

    def adapted(self, x: str, adapter: str) -> str:
        """Return `x + up(relu(down(norm(x))))` of an adapter, or x if there is no adapter."""
        if f"{adapter}.down.weight" not in self.tensors:
            return x
        down = self.linear(self.norm(x, f"{adapter}.norm"), f"{adapter}.down")
        return self.add(x, self.linear(self.builder.emit("Relu", down), f"{adapter}.up"))

    def convolution(
        self, x: str, layer: str, *, stride: int = 1, padding: int = 0, fine: bool = False
    ) -> str:
        """Return a convolution over frames, as a matrix product of concatenated frames."""
        emit, integers = self.builder.emit, self.builder.integers
        weight = self.tensors[f"{layer}.weight"]
        outputs, inputs, kernel = weight.shape
        if padding:
            x = emit("Pad", x, integers(padding, 0, padding, 0))
        shifted = [
            emit(
                "Slice", x, integers(tap), integers(tap + 1 - kernel or _TO_END),
                integers(0), integers(stride),
            )
            for tap in range(kernel)
        ]  # fmt: skip
        rows = emit("Concat", *shifted, axis=1) if kernel > 1 else shifted[0]
        matrix = weight.transpose(0, 2, 1).reshape(outputs, kernel * inputs)
        return self.product(
            rows, f"{layer}.weight", matrix, self.tensors.get(f"{layer}.bias"), fine=fine
        )

    def grouped_convolution(
        self, x: str, name: str, weight: FloatArray, bias: FloatArray | None, around: Sequence[int]
    ) -> str:
        """Return a grouped convolution over frames.

        Args:
            x: `[frames, values]`.
            name: name of the weights in the file.
            weight: `[values, values of a group, kernel]`.
            bias: `[values]`, or None.
            around: frames of zero padding at the start and at the end.
        """
        emit, integers = self.builder.emit, self.builder.integers
        kernel, groups = weight.shape[2], weight.shape[0] // weight.shape[1]
        columns = emit("Unsqueeze", emit("Transpose", x, perm=[1, 0]), integers(0))
        parameters = [self.stored(name, weight)]
        if bias is not None:
            parameters.append(self.constant(f"{name}.bias", bias))
        out = emit(
            "Conv", columns, *parameters,
            kernel_shape=[kernel], pads=list(around), group=groups,
        )  # fmt: skip
        return emit("Transpose", emit("Squeeze", out, integers(0)), perm=[1, 0])

    def lstm(self, x: str, layer: str) -> str:
        """Return a bidirectional LSTM layer, `[frames, 2 * size]`."""
        emit, integers = self.builder.emit, self.builder.integers
        parts = [f"{layer}.{direction}" for direction in ("forwards", "backwards")]

        def both(kind: str) -> FloatArray:
            return np.stack([onnx_gates(self.tensors[f"{part}.{kind}_l0"]) for part in parts])

        of_input, of_state = both("weight_ih"), both("weight_hh")
        biases = self.constant(
            f"{layer}.bias", np.concatenate([both("bias_ih"), both("bias_hh")], axis=1)
        )
        frames = emit("Unsqueeze", x, integers(1))
        settings = {"hidden_size": of_state.shape[2], "direction": "bidirectional"}
        if self.precision == "int8":
            scales = [_int8_scales(weight, axis=2) for weight in (of_input, of_state)]
            matrices, extra = [], []
            for kind, weight, scale in zip("ih", (of_input, of_state), scales, strict=True):
                rounded = np.rint(weight / scale).astype(np.int8)
                matrices.append(self.constant(f"{layer}.{kind}", rounded.transpose(0, 2, 1)))
                extra.append(self.constant(f"{layer}.{kind}.scale", scale[:, :, 0]))
                zeros = np.zeros(scale.shape[:2], np.int8)
                extra.append(self.constant(f"{layer}.{kind}.zero", zeros))
            out = emit(
                "DynamicQuantizeLSTM", frames, *matrices, biases, "", "", "", "", *extra,
                domain=MICROSOFT, **settings,
            )  # fmt: skip
        else:
            matrices = [
                self.stored(f"{layer}.{kind}", weight)
                for kind, weight in zip("ih", (of_input, of_state), strict=True)
            ]
            out = emit("LSTM", frames, *matrices, biases, **settings)
        return emit("Reshape", out, integers(0, 2 * of_state.shape[2]))


def _int8_scales(weight: FloatArray, axis: int) -> FloatArray:
    """Return the int8 scale of each row of a matrix, with `axis` of size 1."""
    largest = np.abs(weight).max(axis=axis, keepdims=True)
    scales: FloatArray = np.maximum(largest, np.float32(1e-12)) / np.float32(_LARGEST_INT8)
    return scales
