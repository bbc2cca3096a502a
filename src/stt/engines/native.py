"""Runs large `.tflite` models with our own matrix products (`native/products`).

LiteRT's matrix products are slow, and LiteRT needs a copy of the weights. Here the graph is run
operator by operator: matrix products by our own kernels, the rest with NumPy, which is fast on long
rows. A call takes chunks of several streams and reads the weights once for all of them; reading
takes most of the time if the weights are larger than the processor's caches. The results of a
stream are equal to the bit to those that it has alone.

For int8 models the probabilities equal those of libstt 1.4 on x86-64, up to the rounding of the
softmax: products and activations of the LSTM (`native/products/activations.h`) round as in
TensorFlow Lite. This matters because a difference in the last bit can move a value to the next of
the 127 quantisation steps, and thereby change all later values. (LiteRT's activations are newer
than libstt's.) All steps of the LSTM are one operator (`tflite/lstm.py`, `native/products/lstm.h`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._native import Int8Matrix, lstm_float, lstm_int8, multiply_float, multiply_int8
from ..errors import ErrorCode, ModelError
from ..tflite.graph import RELU, Graph, Operator, TensorType
from ..tflite.lstm import LSTM, fuse_lstm
from . import CREATE_MODEL, FloatArray
from .gathering import Gathering
from .operators import OPERATORS, Array, Run
from .windowed import State, WindowedEngine, WindowedInfo

_LARGE = 1 << 18  # elements of a matrix; LiteRT is faster if all matrices are smaller
_MOST_COLUMNS = 1 << 16  # `Int8Matrix` refuses more, since a sum of products could overflow
_MOST_AT_A_TIME = 16  # streams; with 16, computing takes far longer than reading the weights

_Chunk = tuple[FloatArray, State]  # the arguments of `run`; also its result


class NativeEngine(WindowedEngine):
    """Runs a `.tflite` model. Calls that arrive while others run are batched.

    Args:
        graph: acoustic part of the graph, checked.
        info: description of the model.
        threads: number of threads for the products of all calls together.
        parallel: number of batches of calls that may run at the same time.
        drop_pages: called after a part of the file was copied, to drop its pages from memory.
    """

    def __init__(
        self,
        graph: Graph,
        info: WindowedInfo,
        *,
        threads: int,
        parallel: int = 1,
        drop_pages: Callable[[], None] = lambda: None,
    ) -> None:
        self.info = info
        fused = fuse_lstm(graph)
        self._run: dict[str, Run] = {
            **OPERATORS, "FULLY_CONNECTED": self._product, LSTM: self._lstm
        }  # fmt: skip
        matrices = _matrices_of(fused)
        used = {index for operator in fused.operators for index in operator.inputs}
        self._matrices: dict[int, Array | Int8Matrix] = {}
        self._constants: dict[int, Array] = {}
        for index in used:
            if index < 0 or fused.tensors[index].data is None:
                continue
            constant = fused.tensors[index].array()
            if index in matrices:
                self._matrices[index] = _packed(constant, drop_pages)
            else:
                self._constants[index] = constant[None]
        # The data is left out, since it would keep the file open after `close`.
        self._graph = replace(
            fused, tensors=tuple(replace(tensor, data=None) for tensor in fused.tensors)
        )
        self._last_use = _last_uses(self._graph)
        self._threads = threads
        self._gathering: Gathering[_Chunk, _Chunk] = Gathering(
            self.run_many, most=_MOST_AT_A_TIME, parallel=parallel
        )

    @staticmethod
    def suits(graph: Graph) -> bool:
        """Whether this engine can run a graph, and a matrix is large enough to be worth it."""
        constants = [tensor for tensor in graph.tensors if tensor.data is not None]
        return (
            any(constant.element_count >= _LARGE for constant in constants)
            and all(
                len(constant.scales) == 1 and constant.shape[-1:] <= (_MOST_COLUMNS,)
                for constant in constants
                if constant.type == TensorType.INT8
            )
            and all(operator.name in {*OPERATORS, *_MATRICES} for operator in graph.operators)
            and _multiplies_constants(graph)
        )

    @property
    def streams_at_a_time(self) -> int:
        """Number of streams, each in its own thread: half of them compute while others wait."""
        return 2 * self._gathering.most * self._gathering.parallel

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        shapes = [self._graph.tensors[index].shape for index in self._graph.inputs[1:]]
        return tuple(np.zeros(shape, np.float32) for shape in shapes)

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of `n_steps` windows; see `WindowedEngine.run`.

        Simultaneous calls of several threads are batched.
        """
        return self._gathering.run((windows, state))

    def run_many(self, chunks: Sequence[_Chunk]) -> list[_Chunk]:
        """Compute the next chunks of several streams together.

        Args:
            chunks: windows and state of each stream, as for `run`.

        Returns:
            Posteriors and state of each stream, equal to the bit to those of `run`.
        """
        columns = zip(*((windows[None], *state) for windows, state in chunks), strict=True)
        values: dict[int, Array] = {
            index: np.stack(column)
            for index, column in zip(self._graph.inputs, columns, strict=True)
        }
        for position, operator in enumerate(self._graph.operators):
            inputs = [self._value(values, index) for index in operator.inputs]
            outputs = self._run[operator.name](operator, inputs)
            values.update(zip(operator.outputs, outputs, strict=True))
            for index in self._last_use[position]:
                values.pop(index, None)
        posteriors, *states = (values[index] for index in self._graph.outputs)
        # Copies, since a view would keep the states of all streams in memory.
        return [
            (posteriors[n], tuple(state[n].copy() for state in states)) for n in range(len(chunks))
        ]

    def close(self) -> None:
        """Free the weights."""
        self._constants.clear()
        self._matrices.clear()

    def _value(self, values: Mapping[int, Array], index: int) -> Any:
        if index < 0:
            return None
        if index in values:
            return values[index]
        if not self._matrices:
            raise ModelError(
                CREATE_MODEL, ErrorCode.NO_MODEL, "the model was closed; load it again"
            )
        return self._matrices[index] if index in self._matrices else self._constants[index]

    def _product(self, operator: Operator, inputs: Sequence[Any]) -> list[Array]:
        x, weights, bias = (*inputs, None)[:3]
        rows = np.ascontiguousarray(x.reshape(-1, weights.shape[1]), np.float32)
        product = self._multiply(operator, weights, rows, bias)
        if operator.options.get("activation") == RELU:
            np.maximum(product, 0, out=product)
        return [product.reshape(len(x), -1, product.shape[1])]

    def _multiply(self, operator: Operator, weights: Any, rows: FloatArray, bias: Any) -> Array:
        offsets = None if bias is None else bias[0]
        if isinstance(weights, Int8Matrix):
            scale = self._graph.tensors[operator.inputs[1]].scales[0]
            return multiply_int8(weights, scale, rows, offsets, None, None, self._threads_per_batch)
        return multiply_float(weights, rows, offsets, self._threads_per_batch)

    def _lstm(self, operator: Operator, inputs: Sequence[Any]) -> list[Array]:
        x, h, c, x_weights, h_weights, bias = inputs
        steps = np.ascontiguousarray(x.reshape(len(x), x.shape[1], -1))
        offsets = None if bias is None else bias[0]
        h, c = (np.ascontiguousarray(state[:, 0]) for state in (h, c))
        if isinstance(x_weights, Int8Matrix):
            scale = self._graph.tensors[operator.inputs[3]].scales[0]
            all_h, last_c = lstm_int8(
                x_weights, h_weights, scale, offsets, steps, h, c, self._threads_per_batch
            )
        else:
            all_h, last_c = lstm_float(
                x_weights, h_weights, offsets, steps, h, c, self._threads_per_batch
            )
        return [*np.split(all_h, all_h.shape[1], axis=1), last_c[:, None]]

    @property
    def _threads_per_batch(self) -> int:
        """Number of threads for each of the running batches."""
        return max(1, self._threads // max(1, self._gathering.running))


# Operator -> the inputs that are matrices.
_MATRICES = {"FULLY_CONNECTED": (1,), LSTM: (3, 4)}
_BLOCK_BYTES = 1 << 22


def _matrices_of(graph: Graph) -> set[int]:
    """Return the tensors that are matrices of products."""
    return {
        operator.inputs[place]
        for operator in graph.operators
        for place in _MATRICES.get(operator.name, ())
    }


def _multiplies_constants(graph: Graph) -> bool:
    """Whether all matrices are constants that are used only as matrices."""
    matrices = _matrices_of(graph)
    return all(graph.tensors[index].data is not None for index in matrices) and not any(
        index in matrices and place not in _MATRICES.get(operator.name, ())
        for operator in graph.operators
        for place, index in enumerate(operator.inputs)
    )


def _packed(matrix: Array, drop_pages: Callable[[], None]) -> Array | Int8Matrix:
    """Return a matrix in the layout of the kernels; for float32 it is that of the file."""
    if matrix.dtype != np.int8:
        return np.require(matrix, requirements="A")
    packed = Int8Matrix(*matrix.shape)
    block_rows = max(1, _BLOCK_BYTES // max(1, matrix.strides[0]))
    for start in range(0, len(matrix), block_rows):
        packed.fill(start, matrix[start : start + block_rows])
        drop_pages()
    return packed


def _last_uses(graph: Graph) -> list[list[int]]:
    """Return for each operator the values that are not needed after it."""
    last = {index: n for n, operator in enumerate(graph.operators) for index in operator.inputs}
    result: list[list[int]] = [[] for _ in graph.operators]
    for index, position in last.items():
        if index not in graph.outputs:
            result[position].append(index)
    return result
