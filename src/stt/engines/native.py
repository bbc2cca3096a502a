"""Large `.tflite` models, with our own matrix products (`native/*_product.cpp`).

LiteRT's products use little of what processors can do, and it wants a copy of the weights. Here the
graph is run operator by operator with NumPy, which is quick where rows are long, and its products
by kernels that take the weights as they lie in the file.

Of int8 models the probabilities are those of libstt 1.4 on x86-64, all but the rounding of the
softmax: products round as TensorFlow Lite's do, and so do the activations of the LSTM
(`native/activations.h`). That matters, since int8 has no small differences: a last bit moves a
value over the edge between two steps of 127, and what follows with it. (LiteRT's activations are
newer than libstt's.) The LSTM reads the weights of its input once for all steps
(`tflite/split.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._native import hyperbolic_tangent, logistic, multiply_float, multiply_int8, sum_int8
from ..errors import ErrorCode, ModelError
from ..tflite.graph import RELU, Graph, Operator, TensorType
from ..tflite.split import INPUT_SUMS, RECURRENT_PRODUCT, split_recurrence
from . import CREATE_MODEL, FloatArray
from .windowed import State, WindowedEngine, WindowedInfo

Array = NDArray[Any]
_LARGE = 1 << 18  # elements of a matrix; with smaller ones LiteRT's interpreter is quicker
_MOST_COLUMNS = 1 << 16  # more products could overflow their sum, so `multiply` refuses them


class NativeEngine(WindowedEngine):
    """Runs a `.tflite` model. Any number of calls at a time share everything.

    Args:
        graph: the acoustic part, checked.
        info: what the file says of the model.
        threads: how many threads one product may use.
        forget: called after a part of the file was copied: the pages it lies on may go.
    """

    def __init__(
        self,
        graph: Graph,
        info: WindowedInfo,
        *,
        threads: int,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._info = info
        split = split_recurrence(graph)
        used = {index for operator in split.operators for index in operator.inputs}
        self._threads = threads
        self._products = {
            "FULLY_CONNECTED": self._product,
            INPUT_SUMS: self._input_sums,
            RECURRENT_PRODUCT: self._recurrent_product,
        }
        self._constants = {
            index: _at_hand(tensor.array(), forget)
            for index, tensor in enumerate(split.tensors)
            if tensor.data is not None and index in used
        }
        # Without the data, which would keep the file open after `close`.
        self._graph = replace(
            split, tensors=tuple(replace(tensor, data=None) for tensor in split.tensors)
        )
        self._last_use = _last_uses(self._graph)

    @staticmethod
    def suits(graph: Graph) -> bool:
        """Whether a graph has large matrices, all int8 ones as `multiply_int8` takes them."""
        constants = [tensor for tensor in graph.tensors if tensor.data is not None]
        return (
            any(constant.element_count >= _LARGE for constant in constants)
            and all(
                len(constant.scales) == 1 and constant.shape[-1:] <= (_MOST_COLUMNS,)
                for constant in constants
                if constant.type == TensorType.INT8
            )
            and all(operator.name in _OPERATORS for operator in graph.operators)
        )

    @property
    def info(self) -> WindowedInfo:
        """What the model says of itself."""
        return self._info

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        shapes = [self._graph.tensors[index].shape for index in self._graph.inputs[1:]]
        return tuple(np.zeros(shape, np.float32) for shape in shapes)

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the probabilities of `n_steps` windows; see `WindowedEngine.run`."""
        values: dict[int, Array] = dict(
            zip(self._graph.inputs, (windows[None], *state), strict=True)
        )
        for position, operator in enumerate(self._graph.operators):
            inputs = [self._value(values, index) for index in operator.inputs]
            product = self._products.get(operator.name)
            outputs = (
                [product(operator, inputs)]
                if product
                else _OPERATORS[operator.name](operator, inputs)
            )
            values.update(zip(operator.outputs, outputs, strict=True))
            for index in self._last_use[position]:
                values.pop(index, None)
        probabilities, *new_state = (values[index] for index in self._graph.outputs)
        return probabilities, tuple(new_state)

    def close(self) -> None:
        """Free the weights."""
        self._constants.clear()

    def _value(self, values: Mapping[int, Array], index: int) -> Any:
        if index < 0:
            return None
        return values[index] if index in values else self._constant(index)

    def _constant(self, index: int) -> Array:
        if not self._constants:
            raise ModelError(
                CREATE_MODEL, ErrorCode.NO_MODEL, "the model was closed; load it again"
            )
        return self._constants[index]

    def _product(self, operator: Operator, inputs: Sequence[Any]) -> Array:
        x, weights, bias = (*inputs, None)[:3]
        rows = np.ascontiguousarray(x.reshape(-1, weights.shape[1]), np.float32)
        if weights.dtype == np.int8:
            scale = self._scale(operator)
            product = multiply_int8(weights, scale, rows, bias, None, None, self._threads)
        else:
            product = multiply_float(weights, rows, bias, self._threads)
        if operator.options.get("activation") == RELU:
            np.maximum(product, 0, out=product)
        return product

    def _input_sums(self, _: Operator, inputs: Sequence[Any]) -> Array:
        x, weights = inputs
        return sum_int8(weights, x.reshape(-1, weights.shape[1]), None, self._threads)

    def _recurrent_product(self, operator: Operator, inputs: Sequence[Any]) -> Array:
        """Multiply x and h, rounded by one scale, which is that of the larger."""
        h, weights, bias, all_x, x_weights, all_sums = inputs
        row = operator.options["row"]
        x, sums = all_x[row], all_sums[row : row + 1]
        peak_of_x, peak_of_h = (np.abs(values).max(axis=1) for values in (x, h))
        if peak_of_h > peak_of_x:
            sums = sum_int8(x_weights, x, peak_of_h, self._threads)
        scale = self._scale(operator)
        return multiply_int8(weights, scale, h, bias, peak_of_x, sums, self._threads)

    def _scale(self, operator: Operator) -> float:
        return self._graph.tensors[operator.inputs[1]].scales[0]


_BLOCK_BYTES = 1 << 22


def _at_hand(constant: Array, forget: Callable[[], None]) -> Array:
    """Return a constant as the products want it: as it lies in the file, where that will do.

    Half of the columns of an int8 matrix are copied: their rows are too short for processors to
    fetch the next one in time.
    """
    if constant.dtype != np.int8 or constant.flags.c_contiguous:
        return np.require(constant, requirements="A")
    copied = np.empty(constant.shape, np.int8)
    block_rows = max(1, _BLOCK_BYTES // constant.strides[0])
    for start in range(0, len(copied), block_rows):
        copied[start : start + block_rows] = constant[start : start + block_rows]
        forget()
    return copied


def _last_uses(graph: Graph) -> list[list[int]]:
    """Return after which operator which values are not needed any more."""
    last = {index: n for n, operator in enumerate(graph.operators) for index in operator.inputs}
    result: list[list[int]] = [[] for _ in graph.operators]
    for index, position in last.items():
        if index not in graph.outputs:
            result[position].append(index)
    return result


def _slice(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    source, begins, ends, strides = inputs
    options = operator.options
    index: list[Any] = []
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


def _reduced(function: Callable[..., Array]) -> Callable[[Operator, Sequence[Array]], list[Array]]:
    def run(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
        axes = tuple(int(axis) for axis in inputs[1].reshape(-1))
        keep = bool(operator.options.get("keep_dims", False))
        return [function(inputs[0], axis=axes, keepdims=keep)]

    return run


def _reshape(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
    shape = inputs[1].reshape(-1) if len(inputs) > 1 else operator.options["new_shape"]
    return [inputs[0].reshape([int(size) for size in shape])]


def _elementwise(
    function: Callable[..., Array],
) -> Callable[[Operator, Sequence[Array]], list[Array]]:
    def run(operator: Operator, inputs: Sequence[Array]) -> list[Array]:
        result = function(*inputs)
        if operator.options.get("activation") == RELU:
            result = np.maximum(result, 0)
        return [result]

    return run


_OPERATORS: Mapping[str, Callable[[Operator, Sequence[Array]], list[Array]]] = {
    "ADD": _elementwise(np.add),
    "CONCATENATION": lambda operator, inputs: [
        np.concatenate(inputs, axis=operator.options.get("axis", 0))
    ],
    "FULLY_CONNECTED": lambda operator, inputs: [],  # `NativeEngine._product`
    "LOGISTIC": _elementwise(logistic),
    "MAXIMUM": _elementwise(np.maximum),
    "MEAN": _reduced(np.mean),
    "MINIMUM": _elementwise(np.minimum),
    "MUL": _elementwise(np.multiply),
    "RELU": _elementwise(lambda x: np.maximum(x, 0)),
    "RESHAPE": _reshape,
    "RSQRT": _elementwise(lambda x: 1 / np.sqrt(x)),
    "SOFTMAX": _softmax,
    "SPLIT": lambda operator, inputs: np.split(
        inputs[1], operator.options["num_splits"], axis=int(inputs[0].reshape(-1)[0])
    ),
    "SQUARED_DIFFERENCE": _elementwise(lambda x, y: np.square(x - y)),
    "STRIDED_SLICE": _slice,
    "SUB": _elementwise(np.subtract),
    "TANH": _elementwise(hyperbolic_tangent),
}
