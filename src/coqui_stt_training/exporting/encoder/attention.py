"""Self-attention as ONNX operators, and tables of relative positions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .layers import FloatArray, Layers


@dataclass(frozen=True)
class Heads:
    """Inputs of attention. Queries are already scaled.

    Attributes:
        query: `[heads, frames, width / heads]`.
        key: `[heads, width / heads, frames]`.
        value: `[heads, frames, width / heads]`.
    """

    query: str
    key: str
    value: str


def projected(layers: Layers, x: str, attention: str, heads: int) -> Heads:
    """Return queries, keys and values of rows `[frames, width]`, computed by one matrix product."""
    tensors = layers.tensors
    names = [f"{attention}.{name}" for name in ("query", "key", "value")]
    weights = [tensors[f"{name}.weight"] for name in names]
    width = len(weights[0])
    scales = (query_scale(width // heads), 1.0, 1.0)
    biases = [tensors.get(f"{name}.bias", np.zeros(width, np.float32)) for name in names]
    out = layers.product(
        x,
        f"{attention}.projections",
        np.concatenate([weight * scale for weight, scale in zip(weights, scales, strict=True)]),
        np.concatenate([bias * scale for bias, scale in zip(biases, scales, strict=True)]),
    )
    split = layers.builder.emit_many("Split", 3, out, axis=1, num_outputs=3)
    query, key, value = (
        in_heads(layers, part, heads, width, keys=part == split[1]) for part in split
    )
    return Heads(query, key, value)


def query_scale(head_width: int) -> float:
    """Return the factor that queries are multiplied by."""
    return 1.0 / math.sqrt(head_width)


def in_heads(layers: Layers, x: str, heads: int, width: int, *, keys: bool = False) -> str:
    """Split rows into heads: `[heads, frames, width / heads]`; of keys, swap the last two axes."""
    emit = layers.builder.emit
    split = emit("Reshape", x, layers.builder.integers(0, heads, width // heads))
    return emit("Transpose", split, perm=[1, 2, 0] if keys else [1, 0, 2])


def attend(layers: Layers, heads: Heads, attention: str, bias: str | None = None) -> str:
    """Return the output of attention, `[frames, width]`.

    Args:
        layers: layer writer.
        heads: queries, keys and values.
        attention: name of the attention layer.
        bias: `[heads, frames, frames]`, added to the products of queries and keys; None: no bias.
    """
    emit = layers.builder.emit
    scores = emit("MatMul", heads.query, heads.key)
    if bias is not None:
        scores = emit("Add", scores, bias)
    found = emit("MatMul", emit("Softmax", scores, axis=-1), heads.value)
    width = layers.tensors[f"{attention}.out.weight"].shape[1]
    rows = emit("Transpose", found, perm=[1, 0, 2])
    return layers.linear(
        emit("Reshape", rows, layers.builder.integers(0, width)), f"{attention}.out"
    )


@dataclass(frozen=True)
class RelativePositionTables:
    """Tables with an entry for each distance of two frames, cut to the length of a clip.

    Attributes:
        layers: layer writer.
        frames: int64 `[1]`, number of frames of the clip.
        most: number of frames of the longest clip.
    """

    layers: Layers
    frames: str
    most: int

    @classmethod
    def of(cls, layers: Layers, rows: str, most: int) -> RelativePositionTables:
        """Return tables for a clip of rows `[frames, ...]`."""
        return cls(layers, layers.builder.emit("Shape", rows, start=0, end=1), most)

    def cut(self, name: str, table: np.ndarray, axis: int) -> str:
        """Cut a table to the `2 * frames - 1` distances of the clip.

        Args:
            name: name of the table in the file.
            table: table of the longest clip, with `2 * most - 1` distances.
            axis: axis of the distances.
        """
        builder = self.layers.builder
        start = builder.emit("Sub", builder.integers(self.most), self.frames)
        end = builder.emit("Add", builder.integers(self.most - 1), self.frames)
        return builder.emit(
            "Slice", builder.constant(name, table), start, end, builder.integers(axis)
        )

    def by_frame(self, scores: str) -> str:
        """Map scores of distances `[heads, frames, 2 * frames - 1]` to `[heads, frames, frames]`.

        Row n starts at distance n, that of frame 0: the rows are shifted against each other by one.
        """
        builder = self.layers.builder
        emit, integers = builder.emit, builder.integers
        padded = emit("Pad", scores, integers(0, 0, 1, 0, 0, 0))
        turned = emit("Concat", integers(0), integers(-1), self.frames, axis=0)
        shifted = emit("Reshape", padded, turned)
        shifted = emit("Slice", shifted, integers(1), integers(np.iinfo(np.int64).max), integers(1))
        back = emit("Concat", integers(0), self.frames, integers(-1), axis=0)
        shifted = emit("Reshape", shifted, back)
        return emit("Slice", shifted, integers(0), self.frames, integers(2))


def distance_sinusoids(most: int, width: int) -> FloatArray:
    """Return sines and cosines `[2 * most - 1, width]` of distances from `most - 1` downwards."""
    rates = np.float32(10000.0) ** (-np.arange(0, width, 2, dtype=np.float32) / width)
    distances = np.arange(most - 1, -most, -1, dtype=np.float32)
    angles = distances[:, None] * rates
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return table.reshape(len(distances), width).astype(np.float32)
