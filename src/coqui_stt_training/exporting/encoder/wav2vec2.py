"""Encoders of the wav2vec 2.0 family as ONNX operators; see `models.wav2vec2.model`."""

from __future__ import annotations

import math

import numpy as np

from ...models.wav2vec2.specification import Wav2Vec2Encoder
from .attention import Heads, RelativePositionTables, attend, in_heads, projected
from .layers import FloatArray, Layers


def wav2vec2(layers: Layers, x: str, specification: Wav2Vec2Encoder, most: int) -> str:
    """Return the encoder's output, `[frames, width]`.

    Args:
        layers: layer writer.
        x: samples `[n, 1]`, enough for one frame.
        specification: specification of the model.
        most: number of frames of the longest clip.
    """
    x = _convolutions(layers, x, specification)
    bias = _distance_bias(layers, x, specification, most)
    for block in specification.block_names:
        x = _block(layers, x, block, specification, bias)
        if specification.norm_first and block == specification.block_names[-1]:
            x = layers.norm(x, f"{block}.final_norm")
        x = layers.end_block(x, block)
    return x


def _convolutions(layers: Layers, x: str, specification: Wav2Vec2Encoder) -> str:
    x = _first_convolution(layers, x, specification)
    for index in range(1, len(specification.channels)):
        layer = f"convolutions.samples.{index}"
        x = layers.convolution(x, f"{layer}.convolution", stride=specification.strides[index])
        if specification.convolution_norm == "layer":
            x = layers.norm(x, f"{layer}.norm")
        x = layers.gelu(x)
    if specification.projection_norm:
        x = layers.norm(x, "convolutions.projection_norm")
    x = layers.linear(x, "convolutions.projection")
    x = layers.add(x, _positions(layers, x, specification))
    return x if specification.norm_first else layers.norm(x, "convolutions.norm")


def _first_convolution(layers: Layers, x: str, specification: Wav2Vec2Encoder) -> str:
    """Return rows `[frames, channels]` of samples, normalised over time or over channels."""
    emit, tensors, layer = layers.builder.emit, layers.tensors, "convolutions.samples.0"
    names = [f"{layer}.convolution.weight", f"{layer}.convolution.bias"]
    parameters = [layers.constant(name, tensors[name]) for name in names if name in tensors]
    channel = emit("Reshape", x, layers.builder.integers(1, 1, -1))
    x = emit(
        "Conv", channel, *parameters,
        kernel_shape=[specification.kernels[0]], strides=[specification.strides[0]],
    )  # fmt: skip
    by_time = specification.convolution_norm == "group"
    if by_time:
        norm = [layers.constant(f"{layer}.norm.{p}", tensors[f"{layer}.norm.{p}"]) for p in _NORM]
        x = layers.gelu(emit("InstanceNormalization", x, *norm, epsilon=1e-5))
    x = emit("Transpose", emit("Squeeze", x, layers.builder.integers(0)), perm=[1, 0])
    return x if by_time else layers.gelu(layers.norm(x, f"{layer}.norm"))


_NORM = ("weight", "bias")


def _positions(layers: Layers, x: str, specification: Wav2Vec2Encoder) -> str:
    """Return the position embeddings of rows."""
    ones = np.ones(specification.width, np.float32)
    half = specification.position_kernel // 2
    # Equal padding on both sides would give one frame too many if the kernel is even.
    around = (half, specification.position_kernel - 1 - half)
    for index in range(specification.position_depth):
        name = f"convolutions.positions.{index}"
        weight, bias = layers.tensors[f"{name}.weight"], layers.tensors[f"{name}.bias"]
        x = layers.grouped_convolution(x, name, weight, bias, around)
        if specification.position_norm:
            x = layers.scaled_norm(x, "convolutions.position_norm", ones, 0 * ones)
        x = layers.gelu(x)
    return x


def _block(
    layers: Layers, x: str, block: str, specification: Wav2Vec2Encoder, bias: str | None
) -> str:
    def attention(x: str) -> str:
        name, count = f"{block}.attention", specification.attention_heads
        heads: Heads = projected(layers, x, name, count)
        gated = None if bias is None else _gated(layers, x, name, specification, bias)
        return attend(layers, heads, name, gated)

    def mlp(x: str) -> str:
        return layers.mlp(x, f"{block}.mlp_in", f"{block}.mlp_out")

    for half, norm in ((attention, f"{block}.attention_norm"), (mlp, f"{block}.mlp_norm")):
        if specification.norm_first:
            x = layers.add(x, half(layers.norm(x, norm)))
        else:
            x = layers.norm(layers.add(x, half(x)), norm)
    return layers.adapted(x, f"{block}.adapter")


def _gated(
    layers: Layers, x: str, attention: str, specification: Wav2Vec2Encoder, bias: str
) -> str:
    """Return WavLM's position bias, scaled by the gates of each frame."""
    emit, tensors, heads = layers.builder.emit, layers.tensors, specification.attention_heads
    # Each gate, update and reset, is the sum of four rows.
    weight = tensors[f"{attention}.gate.weight"].reshape(2, 4, -1).sum(1)
    offset = tensors[f"{attention}.gate.bias"].reshape(2, 4).sum(1)
    rows = in_heads(layers, x, heads, specification.width)
    gates = emit("MatMul", rows, layers.constant(f"{attention}.gate", weight.T))
    gates = emit("Add", gates, layers.constant(f"{attention}.gate.bias", offset))
    update, reset = layers.builder.emit_many(
        "Split", 2, emit("Sigmoid", gates), axis=2, num_outputs=2
    )
    scale = tensors[f"{attention}.gate_scale"].reshape(heads, 1, 1)
    reset = emit("Mul", reset, layers.constant(f"{attention}.gate_scale", scale))
    reset = emit("Sub", reset, layers.constant("one", np.float32(1)))
    gate = emit("Add", emit("Mul", update, reset), layers.constant("two", np.float32(2)))
    return emit("Mul", gate, bias)


def _distance_bias(layers: Layers, x: str, specification: Wav2Vec2Encoder, most: int) -> str | None:
    """Return the position bias of pairs of frames, `[heads, frames, frames]`, or None."""
    if not specification.relative_buckets:
        return None
    distances = RelativePositionTables.of(layers, x, most)
    table = _bias_table(
        layers.tensors["convolutions.distances"], most, specification.relative_distance
    )
    bias = distances.cut("convolutions.distances", table[:, None, :], axis=2)
    emit, integers = layers.builder.emit, layers.builder.integers
    rows = emit("Concat", integers(1), distances.frames, integers(1), axis=0)
    return distances.by_frame(emit("Expand", bias, rows))


def _bias_table(buckets: FloatArray, most: int, farthest: int) -> FloatArray:
    """Return the bias of each distance, `[heads, 2 * most - 1]`, like `distance_bias`."""
    offsets = np.arange(1 - most, most)
    one_way = len(buckets) // 2
    exact = one_way // 2
    away = np.abs(offsets)
    with np.errstate(divide="ignore"):
        share = np.log(away.astype(np.float32) / np.float32(exact))
    share = share / np.float32(math.log(farthest / exact))
    wide = exact + np.maximum(share * (one_way - exact), 0).astype(np.int64)
    bucket = np.where(away < exact, away, np.minimum(wide, one_way - 1))
    return np.ascontiguousarray(buckets[bucket + (offsets > 0) * one_way].T)
