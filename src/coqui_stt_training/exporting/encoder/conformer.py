"""Conformer encoders as ONNX operators; see `models.conformer.model`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...models.conformer.specification import ConformerEncoder
from .attention import (
    RelativePositionTables,
    attend,
    distance_sinusoids,
    in_heads,
    projected,
    query_scale,
)
from .layers import Layers

_VARIANCE_FLOOR = 1e-5


def conformer(layers: Layers, x: str, specification: ConformerEncoder, most: int) -> str:
    """Return the encoder's output, `[frames, width]`.

    Args:
        layers: layer writer.
        x: features `[frames, values]`.
        specification: specification of the model.
        most: number of output frames of the longest clip.
    """
    stem = _convolution_stem if specification.stem == "convolutions" else _projection_stem
    x = stem(layers, x, specification)
    if specification.scale_input:
        scale = layers.constant("stem.scale", np.float32(specification.width**0.5))
        x = layers.builder.emit("Mul", x, scale)
    distances = RelativePositionTables.of(layers, x, most)
    sinusoids = None
    if specification.positions == "sinusoids":
        table = distance_sinusoids(most, specification.width)
        sinusoids = distances.cut("distance_sinusoids", table, axis=0)
    for block in specification.block_names:
        x = half_mlp(layers, x, f"{block}.mlp_1")
        normed = layers.norm(x, f"{block}.attention_norm")
        x = layers.add(x, _attention(layers, normed, block, specification, distances, sinusoids))
        normed = layers.norm(x, f"{block}.convolution_norm")
        x = layers.add(x, _convolution(layers, normed, f"{block}.convolution", specification))
        x = half_mlp(layers, x, f"{block}.mlp_2")
        x = layers.norm(x, f"{block}.norm")
        x = layers.end_block(x, block)
    return x


def _projection_stem(layers: Layers, x: str, specification: ConformerEncoder) -> str:
    return layers.linear(layers.norm(x, "stem.norm"), "stem.projection")


def _convolution_stem(layers: Layers, x: str, specification: ConformerEncoder) -> str:
    emit, integers = layers.builder.emit, layers.builder.integers
    x = emit("Unsqueeze", x, integers(0, 1))
    x = emit("Relu", planes(layers, x, "stem.first", halving=True, groups=1))
    for index in range(specification.halvings - 1):
        more, channels = f"stem.more.{index}", specification.stem_channels
        x = planes(layers, x, f"{more}.depthwise", halving=True, groups=channels)
        x = emit("Relu", planes(layers, x, f"{more}.pointwise", halving=False, groups=1))
    frames_first = emit("Transpose", emit("Squeeze", x, integers(0)), perm=[1, 0, 2])
    inputs = specification.stem_channels * specification.mel_channels // specification.reduction
    return layers.linear(emit("Reshape", frames_first, integers(0, inputs)), "stem.projection")


def planes(
    layers: Layers, x: str, layer: str, *, halving: bool, groups: int, around: int = 1
) -> str:
    """Return a convolution over frames and mel channels, `[1, channels, frames, mel]`.

    Args:
        layers: layer writer.
        x: `[1, channels, frames, mel]`.
        layer: name of the layer in the model.
        halving: true: a 3 x 3 kernel with stride 2; false: a 1 x 1 kernel.
        groups: number of groups of channels.
        around: frames of zero padding on each side, if `halving`.
    """
    parameters = [layers.constant(f"{layer}.{p}", layers.tensors[f"{layer}.{p}"]) for p in _PARTS]
    size = 3 if halving else 1
    return layers.builder.emit(
        "Conv", x, *parameters, kernel_shape=[size, size], group=groups,
        strides=[2, 2] if halving else [1, 1], pads=[around, 1] * 2 if halving else [0] * 4,
    )  # fmt: skip


_PARTS = ("weight", "bias")


def half_mlp(layers: Layers, x: str, mlp: str) -> str:
    """Return `x + mlp(norm(x)) / 2`."""
    normed = layers.norm(x, f"{mlp}.norm")
    out = layers.mlp(normed, f"{mlp}.inner", f"{mlp}.out", silu=True)
    half = layers.constant("half", np.float32(0.5))
    return layers.add(x, layers.builder.emit("Mul", out, half))


def _attention(
    layers: Layers,
    x: str,
    block: str,
    specification: ConformerEncoder,
    distances: RelativePositionTables,
    sinusoids: str | None,
) -> str:
    emit, tensors, attention = layers.builder.emit, layers.tensors, f"{block}.attention"
    count, width = specification.attention_heads, specification.width
    heads = projected(layers, x, attention, count)
    if sinusoids is None:
        vectors = layers.constant(f"{attention}.distances", tensors[f"{attention}.distances"].T)
        scores = emit("MatMul", heads.query, vectors)
        scores = emit("Gather", scores, _clamped(specification, distances), axis=2)
        return attend(layers, heads, attention, distances.by_frame(scores))

    def biased(kind: str) -> str:
        bias = tensors[f"{attention}.{kind}"][:, None, :] * query_scale(width // count)
        return emit("Add", heads.query, layers.constant(f"{attention}.{kind}", bias))

    positions = layers.linear(sinusoids, f"{attention}.position")
    positions = in_heads(layers, positions, count, width, keys=True)
    scores = distances.by_frame(emit("MatMul", biased("position_bias"), positions))
    return attend(layers, replace(heads, query=biased("content_bias")), attention, scores)


def _clamped(specification: ConformerEncoder, distances: RelativePositionTables) -> str:
    """Return the index of the embedding for each distance, int64 `[2 * frames - 1]`."""
    before, behind = specification.farthest_before, specification.farthest_behind
    offsets = np.arange(1 - distances.most, distances.most)
    return distances.cut("clamped_distances", offsets.clip(-before, behind) + before, axis=0)


def _convolution(layers: Layers, x: str, name: str, specification: ConformerEncoder) -> str:
    x, tensors = layers.gated(x, f"{name}.inputs"), layers.tensors
    weight, bias = tensors[f"{name}.depthwise.weight"], tensors.get(f"{name}.depthwise.bias")
    behind = 0 if specification.causal else specification.kernel // 2
    around = (specification.kernel - 1 - behind, behind)
    if specification.convolution_norm == "batch":  # constants, so fold them into the weights
        mean, variance = (tensors[f"{name}.norm.running_{kind}"] for kind in ("mean", "var"))
        scale = tensors[f"{name}.norm.weight"] / np.sqrt(variance + np.float32(_VARIANCE_FLOOR))
        shift = (0 if bias is None else bias) - mean
        weight, bias = weight * scale[:, None, None], shift * scale + tensors[f"{name}.norm.bias"]
    x = layers.grouped_convolution(x, f"{name}.depthwise", weight, bias, around)
    if specification.convolution_norm == "layer":
        x = layers.norm(x, f"{name}.norm")
    return layers.linear(layers.silu(x), f"{name}.outputs")
