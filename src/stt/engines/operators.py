"""The operators of a `.tflite` graph, except matrix products, for a batch of streams.

Each value has an additional first axis for the streams, which operators process independently. For
constants this axis has length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._native import hyperbolic_tangent, logistic
from ..tflite.graph import RELU, Operator

Array = NDArray[Any]
Run = Callable[[Operator, Sequence[Array]], list[Array]]


def _elementwise(function: Callable[..., Array]) -> Run:
    def run(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
        rank = max(value.ndim for value in inputs)
        result = function(*(_with_rank(value, rank) for value in inputs))
        if operator.options.get("activation") == RELU:
            result = np.maximum(result, 0)
        return [result]

    return run


def _with_rank(value: Array, rank: int) -> Array:
    """Return a value with `rank` axes; new axes are inserted after that of the streams."""
    if value.ndim == rank:
        return value
    return value.reshape(value.shape[:1] + (1,) * (rank - value.ndim) + value.shape[1:])


def _axis(axis: int) -> int:
    """Return the axis of a value that corresponds to an axis of its tensor."""
    return axis if axis < 0 else axis + 1


def _concatenate(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    streams = max(len(value) for value in inputs)
    parts = [np.broadcast_to(value, (streams, *value.shape[1:])) for value in inputs]
    return [np.concatenate(parts, axis=_axis(operator.options.get("axis", 0)))]


def _split(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    axis, value = inputs
    return np.split(value, operator.options["num_splits"], axis=_axis(int(axis.reshape(-1)[0])))


def _slice(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    source, begins, ends, strides = (inputs[0], *(bounds[0] for bounds in inputs[1:]))
    options = operator.options
    index: list[Any] = [slice(None)]
    for axis in range(len(begins)):
        if options.get("shrink_axis_mask", 0) >> axis & 1:
            index.append(int(begins[axis]))
            continue
        begin = None if options.get("begin_mask", 0) >> axis & 1 else int(begins[axis])
        end = None if options.get("end_mask", 0) >> axis & 1 else int(ends[axis])
        index.append(slice(begin, end, int(strides[axis])))
    return [source[tuple(index)]]


def _softmax(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    scaled = inputs[0] * np.float32(operator.options.get("beta", 1.0))
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return [exponentials / exponentials.sum(axis=-1, keepdims=True)]


def _reduced(function: Callable[..., Array]) -> Run:
    def run(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
        axes = tuple(_axis(int(axis)) for axis in inputs[1].reshape(-1))
        keep = bool(operator.options.get("keep_dims", False))
        return [function(inputs[0], axis=axes, keepdims=keep)]

    return run


def _reshape(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    value = inputs[0]
    shape = inputs[1].reshape(-1) if len(inputs) > 1 else operator.options["new_shape"]
    return [value.reshape([len(value), *(int(size) for size in shape)])]


OPERATORS: Mapping[str, Run] = {
    "ADD": _elementwise(np.add),
    "CONCATENATION": _concatenate,
    "LOGISTIC": _elementwise(logistic),
    "MAXIMUM": _elementwise(np.maximum),
    "MEAN": _reduced(np.mean),
    "MINIMUM": _elementwise(np.minimum),
    "MUL": _elementwise(np.multiply),
    "RELU": _elementwise(lambda x: np.maximum(x, 0)),
    "RESHAPE": _reshape,
    "RSQRT": _elementwise(lambda x: 1 / np.sqrt(x)),
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "SQUARED_DIFFERENCE": _elementwise(lambda x, y: np.square(x - y)),
    "STRIDED_SLICE": _slice,
    "SUB": _elementwise(np.subtract),
    "TANH": _elementwise(hyperbolic_tangent),
}
